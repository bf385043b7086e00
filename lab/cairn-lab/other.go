//go:build !linux

package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "cairn-lab: the lab is made of Linux network namespaces: run it on Linux, or in a virtual machine that has it")
	os.Exit(1)
}
