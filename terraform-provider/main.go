// Command terraform-provider-cairn makes cairn's resources for Terraform and
// OpenTofu.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6/tf6server"

	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/terraform-provider/provider"
)

// address is what a configuration calls the provider in required_providers.
const address = "cairncloud/cairn"

// farewell bounds how long the end of a run may take to be written.
const farewell = time.Minute

func main() {
	debug := flag.Bool("debug", false, "run so that a debugger can be attached: print what TF_REATTACH_PROVIDERS must be")
	flag.Parse()
	p := provider.New(resources.All())
	parent := os.Getppid()
	p.Gone = func() bool { return os.Getppid() != parent }
	go orphaned(p)
	var options []tf6server.ServeOpt
	if *debug {
		options = append(options, tf6server.WithManagedDebug())
	}
	err := tf6server.Serve(address, providerserver.NewProtocol6(p), options...)
	if err := bye(p); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func bye(p *provider.Provider) error {
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	return p.Close(ctx)
}

// orphaned ends the process when the one that started it is gone: a Terraform that
// was killed says no goodbye, and nobody else would ever call again.
func orphaned(p *provider.Provider) {
	for !p.Gone() {
		time.Sleep(time.Second)
	}
	_ = bye(p)
	os.Exit(1)
}
