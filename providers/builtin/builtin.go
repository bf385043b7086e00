// Package builtin realises what is in every cloud and in no system: values,
// random strings, and what others are made by, such as flavors.
package builtin

import (
	"github.com/cairncloud/cairn/providers"
	"github.com/cairncloud/cairn/resources"
)

// System is linked into every cloud.
func System() providers.System {
	return providers.System{Name: "builtin", Handles: map[string]providers.Handle{
		"aggregate":         providers.For(providers.Kept[resources.Aggregate]{}),
		"availability_zone": providers.For(providers.Kept[resources.AvailabilityZone]{}),
		"flavor":            providers.For(providers.Kept[resources.Flavor]{}),
		"keypair":           providers.For(providers.Kept[resources.Keypair]{}),
		"project":           providers.For(providers.Kept[resources.Project]{}),
		"quota":             providers.For(providers.Kept[resources.Quota]{}),
		"random_id":         providers.For(providers.Kept[resources.RandomID]{}),
		"random_password":   providers.For(providers.Kept[resources.RandomPassword]{}),
		"random_string":     providers.For(providers.Kept[resources.RandomString]{}),
		"server_group":      providers.For(providers.Kept[resources.ServerGroup]{}),
		"terraform_data":    providers.For(providers.Kept[resources.Value]{}),
		"value":             providers.For(providers.Kept[resources.Value]{}),
		"volume_type":       providers.For(providers.Kept[resources.VolumeType]{}),
	}}
}
