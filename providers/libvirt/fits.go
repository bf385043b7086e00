package libvirt

import (
	"context"
	"fmt"

	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/schema"
)

// Fits reports what the hosts can't realise of an object, as far as they can be
// asked.
func (d *Driver) Fits(ctx context.Context) (func(w schema.World, object any) error, error) {
	l, err := d.current(ctx)
	if err != nil {
		return nil, err
	}
	return func(w schema.World, object any) error {
		if i, ok := object.(*resources.Instance); ok {
			return d.fits(l, i)
		}
		return nil
	}, nil
}

func (d *Driver) fits(l *look, i *resources.Instance) error {
	for _, id := range l.names[i.Host+" "+i.InstanceName] {
		if id != i.ID && i.InstanceName != "" {
			return schema.Problem{Code: "CRN-NAME", Attribute: "instance_name", Summary: fmt.Sprintf("Host %s has another domain %s", i.Host, i.InstanceName),
				Detail: fmt.Sprintf("Its UUID is %s, and it is not this instance. Rename it there (virsh domrename), or put the instance on another host.", id)}
		}
	}
	if h := d.hosts[i.Host]; h != nil && h.Machine.Bridge == "" && len(i.Networks) > 0 {
		return schema.Problem{Code: "CRN-VER", Attribute: "networks", Summary: fmt.Sprintf("Host %s has no bridge for network cards", i.Host), Detail: "Say bridge in its block of the cloud file, such as br-int."}
	}
	return nil
}
