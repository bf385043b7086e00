// Package lab is a small cloud of real servers on one machine: OVN's databases,
// northd, and three hosts with Open vSwitch and libvirt, each in a network namespace,
// joined by wires that can be cut. It knows nothing of cairn; cairn's acceptance tests, and
// whoever wants to try the real thing, run cairn against it.
//
// It needs Linux and root, and neither systemd nor kernel modules of Open vSwitch.
// Everything it makes is a file in its folder, a process or a namespace whose name
// begins with "cairn-"; Down takes all of it away.
package lab
