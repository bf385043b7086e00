package resources

import _ "embed" // for the stack's text

// Builtin is the text of the stack that every cloud has.
//
//go:embed builtin.stack.hcl
var Builtin []byte

// TinyImage is the bytes of the built-in image: a disk of 1 MiB whose boot sector
// writes a line on the console of a BIOS machine and halts.
func TinyImage() []byte {
	disk := make([]byte, 1<<20)
	n := copy(disk, []byte{
		0xbe, 0x11, 0x7c, // mov si, text
		0xac,       // next: lodsb
		0x08, 0xc0, // or al, al
		0x74, 0x06, // jz halt
		0xb4, 0x0e, // mov ah, 0x0e
		0xcd, 0x10, // int 0x10: write a character
		0xeb, 0xf5, // jmp next
		0xf4,       // halt: hlt
		0xeb, 0xfd, // jmp halt
	})
	copy(disk[n:], "hello from cairn\r\n\x00")
	disk[510], disk[511] = 0x55, 0xaa
	return disk
}
