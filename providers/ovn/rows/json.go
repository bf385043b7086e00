package rows

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// MarshalJSON writes values as OVSDB does (RFC 7047, section 5.1), maps sorted.
func (r Row) MarshalJSON() ([]byte, error) {
	columns := make(map[string]any, len(r.Columns))
	for name, v := range r.Columns {
		columns[name] = wire(v)
	}
	return json.Marshal(form{r.Table, r.ID, columns, r.Into})
}

// form is a row as JSON.
type form struct {
	Table   string         `json:"table"`
	ID      string         `json:"id"`
	Columns map[string]any `json:"columns"`
	Into    []Place        `json:"into,omitempty"`
}

func wire(v any) any {
	switch v := v.(type) {
	case Ref:
		return []any{"uuid", string(v)}
	case Set:
		all := make([]any, len(v))
		for i, e := range v {
			all[i] = wire(e)
		}
		return []any{"set", all}
	case Map:
		all := make([]any, 0, len(v))
		for _, k := range slices.Sorted(maps.Keys(v)) {
			all = append(all, []string{k, v[k]})
		}
		return []any{"map", all}
	case Numbers:
		all := make([]any, 0, len(v))
		for _, k := range slices.Sorted(maps.Keys(v)) {
			all = append(all, []any{k, v[k]})
		}
		return []any{"map", all}
	}
	return v
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (r *Row) UnmarshalJSON(text []byte) error {
	var f form
	if err := json.Unmarshal(text, &f); err != nil {
		return err
	}
	r.Table, r.ID, r.Into, r.Columns = f.Table, f.ID, f.Into, make(map[string]any, len(f.Columns))
	for name, raw := range f.Columns {
		v, err := unwire(raw)
		if err != nil {
			return fmt.Errorf("column %s of a %s: %w", name, f.Table, err)
		}
		r.Columns[name] = v
	}
	return nil
}

func unwire(raw any) (any, error) {
	switch v := raw.(type) {
	case float64:
		return int(v), nil
	case string, bool:
		return v, nil
	case []any:
		if len(v) != 2 {
			break
		}
		switch v[0] {
		case "uuid":
			if id, ok := v[1].(string); ok {
				return Ref(id), nil
			}
		case "set":
			return unwireSet(v[1])
		case "map":
			return unwireMap(v[1])
		}
	}
	return nil, fmt.Errorf("%v is no value", raw)
}

func unwireSet(raw any) (any, error) {
	list, ok := raw.([]any)
	if !ok {
		return nil, fmt.Errorf("%v is no set", raw)
	}
	all := make(Set, len(list))
	for i, e := range list {
		v, err := unwire(e)
		if err != nil {
			return nil, err
		}
		all[i] = v
	}
	return all, nil
}

// unwireMap reads a map of strings or, where the first value is a number, of
// numbers.
func unwireMap(raw any) (any, error) {
	list, ok := raw.([]any)
	if !ok {
		return nil, fmt.Errorf("%v is no map", raw)
	}
	texts, numbers := make(Map, len(list)), make(Numbers, len(list))
	for _, e := range list {
		pair, ok := e.([]any)
		if !ok || len(pair) != 2 {
			return nil, fmt.Errorf("%v is no pair", e)
		}
		k, ok := pair[0].(string)
		if !ok {
			return nil, fmt.Errorf("%v is no name", pair[0])
		}
		switch v := pair[1].(type) {
		case string:
			texts[k] = v
		case float64:
			numbers[k] = int(v)
		default:
			return nil, fmt.Errorf("%v is no text or number", v)
		}
	}
	switch {
	case len(numbers) == 0:
		return texts, nil
	case len(texts) == 0:
		return numbers, nil
	}
	return nil, fmt.Errorf("%v has texts and numbers", raw)
}
