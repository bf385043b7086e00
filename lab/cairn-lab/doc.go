// Command cairn-lab brings up a small cloud of real servers on one machine, plugs
// endpoints into it, and makes it fail.
package main
