// Package acceptance tries cairn on a lab: each file of testdata is a story, told
// in commands of a terminal and in those that README.md lists. There is no code but
// its tests; without CAIRN_LAB they are skipped.
package acceptance
