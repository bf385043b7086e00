// Package examples is the configurations that the manual shows, in the folders
// that the registry knows. Each is a whole one: it can be applied as it is.
package examples

import (
	"embed"
	"io/fs"
)

//go:embed provider/* resources/*/* data-sources/*/* functions/*/*
var files embed.FS

// Files are the examples.
func Files() fs.FS { return files }

// Resource is the path of a resource type's example, by its name in Terraform.
func Resource(name string) string { return "resources/" + name + "/resource.tf" }

// Data is the path of a data source's example, by its name in Terraform.
func Data(name string) string { return "data-sources/" + name + "/data-source.tf" }

// Function is the path of a function's example.
func Function(name string) string { return "functions/" + name + "/function.tf" }

// Provider is the path of the example of a provider block.
const Provider = "provider/provider.tf"
