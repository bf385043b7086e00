package resources

import _ "embed" // for the stack's text

// Builtin is the text of the stack that every cloud has.
//
//go:embed builtin.stack.hcl
var Builtin []byte
