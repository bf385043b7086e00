package lang

import (
	"math/big"
	"net/netip"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

func prefixArg(v cty.Value) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(v.AsString())
	if err != nil {
		return p, function.NewArgErrorf(0, "%q is no range such as 10.0.0.0/24", v.AsString())
	}
	return p.Masked(), nil
}

func wholeArg(i int, v cty.Value) (*big.Int, error) {
	n, acc := v.AsBigFloat().Int(nil)
	if acc != big.Exact || n.BitLen() > 128 {
		return nil, function.NewArgErrorf(i, "must be a whole number")
	}
	return n, nil
}

// plus is an address that lies n behind another one.
func plus(a netip.Addr, n *big.Int) netip.Addr {
	sum := new(big.Int).Add(new(big.Int).SetBytes(a.AsSlice()), n)
	out, _ := netip.AddrFromSlice(sum.FillBytes(make([]byte, a.BitLen()/8)))
	return out
}

var cidrHost = define(cty.String, func(args []cty.Value) (cty.Value, error) {
	p, err := prefixArg(args[0])
	if err != nil {
		return cty.NilVal, err
	}
	n, err := wholeArg(1, args[1])
	if err != nil {
		return cty.NilVal, err
	}
	size := new(big.Int).Lsh(big.NewInt(1), uint(p.Addr().BitLen()-p.Bits()))
	at := new(big.Int).Set(n)
	if n.Sign() < 0 { // from the end
		at.Add(at, size)
	}
	if at.Sign() < 0 || at.Cmp(size) >= 0 {
		return cty.NilVal, function.NewArgErrorf(1, "%s has no host number %s", p, n)
	}
	return cty.StringVal(plus(p.Addr(), at).String()), nil
}, str("prefix"), num("hostnum"))

var cidrNetmask = define(cty.String, func(args []cty.Value) (cty.Value, error) {
	p, err := prefixArg(args[0])
	if err != nil {
		return cty.NilVal, err
	}
	if !p.Addr().Is4() {
		return cty.NilVal, function.NewArgErrorf(0, "only IPv4 has netmasks")
	}
	mask := uint32(0xffffffff) << (32 - p.Bits())
	return cty.StringVal(netip.AddrFrom4([4]byte{byte(mask >> 24), byte(mask >> 16), byte(mask >> 8), byte(mask)}).String()), nil
}, str("prefix"))

var cidrSubnet = define(cty.String, func(args []cty.Value) (cty.Value, error) {
	p, err := prefixArg(args[0])
	if err != nil {
		return cty.NilVal, err
	}
	grow, err := wholeArg(1, args[1])
	if err != nil {
		return cty.NilVal, err
	}
	n, err := wholeArg(2, args[2])
	if err != nil {
		return cty.NilVal, err
	}
	room := p.Addr().BitLen() - p.Bits()
	if grow.Sign() < 0 || grow.Cmp(big.NewInt(int64(room))) > 0 {
		return cty.NilVal, function.NewArgErrorf(1, "%s has room for %d more bits, not %s", p, room, grow)
	}
	bits := int(grow.Int64())
	if n.Sign() < 0 || n.BitLen() > bits {
		return cty.NilVal, function.NewArgErrorf(2, "%d more bits make no subnet number %s", bits, n)
	}
	at := plus(p.Addr(), new(big.Int).Lsh(n, uint(room-bits)))
	return cty.StringVal(netip.PrefixFrom(at, p.Bits()+bits).String()), nil
}, str("prefix"), num("newbits"), num("netnum"))

// cidrSubnets lays subnets of several sizes one behind the other.
var cidrSubnets = function.New(&function.Spec{
	Params:   []function.Parameter{str("prefix")},
	VarParam: &function.Parameter{Name: "newbits", Type: cty.Number},
	Type:     function.StaticReturnType(cty.List(cty.String)),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		p, err := prefixArg(args[0])
		if err != nil {
			return cty.NilVal, err
		}
		if len(args) == 1 {
			return cty.ListValEmpty(cty.String), nil
		}
		room := p.Addr().BitLen() - p.Bits()
		size := new(big.Int).Lsh(big.NewInt(1), uint(room))
		next := new(big.Int)
		var out []cty.Value
		for i, a := range args[1:] {
			grow, err := wholeArg(i+1, a)
			if err != nil {
				return cty.NilVal, err
			}
			if grow.Sign() < 1 || grow.Cmp(big.NewInt(int64(room))) > 0 {
				return cty.NilVal, function.NewArgErrorf(i+1, "%s has room for 1 to %d more bits, not %s", p, room, grow)
			}
			bits := int(grow.Int64())
			step := new(big.Int).Lsh(big.NewInt(1), uint(room-bits))
			// A subnet begins at a multiple of its size.
			if rest := new(big.Int).Mod(next, step); rest.Sign() > 0 {
				next.Add(next, step).Sub(next, rest)
			}
			end := new(big.Int).Add(next, step)
			if end.Cmp(size) > 0 {
				return cty.NilVal, function.NewArgErrorf(i+1, "%s has no room left for a subnet with %d more bits", p, bits)
			}
			out = append(out, cty.StringVal(netip.PrefixFrom(plus(p.Addr(), next), p.Bits()+bits).String()))
			next = end
		}
		return cty.ListVal(out), nil
	},
})
