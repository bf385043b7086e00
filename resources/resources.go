// Package resources is what there is to ask for: one file a resource type. A
// type is its struct, its line in All, and nothing else here.
package resources

import (
	"embed"

	"github.com/cairncloud/cairn/resources/schema"
)

//go:embed *.go
var source embed.FS

// All declares every type.
func All() *schema.Types {
	from := schema.WithSource(source)
	return schema.NewTypes(
		schema.Declare[RandomID]("random_id", from),
		schema.Declare[RandomPassword]("random_password", from),
		schema.Declare[RandomString]("random_string", from),
		schema.Declare[Value]("terraform_data", from),
		schema.Declare[Value]("value", from),
	)
}
