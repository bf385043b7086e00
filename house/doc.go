// Package house keeps the arrows between packages: who may know whom. Its test
// reads the imports that the go command lists; there is no other code here.
package house
