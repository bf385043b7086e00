//go:build linux

package acceptance

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
)

// A watcher sees each transaction of cairn by the number that it counts up,
// NB_Global.nb_cfg.
type watcher struct {
	net.Conn
	each chan int // what the number came to
}

// commits watches a northbound database (RFC 7047, section 4.1.5) from now on.
func commits(ctx context.Context, socket string) (*watcher, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", socket)
	if err != nil {
		return nil, err
	}
	ask := `{"id":0,"method":"monitor","params":["OVN_Northbound",null,{"NB_Global":[{"columns":["nb_cfg"]}]}]}`
	if _, err := fmt.Fprintln(conn, ask); err != nil {
		conn.Close()
		return nil, err
	}
	replies := json.NewDecoder(conn)
	var first json.RawMessage // what is there before
	if err := replies.Decode(&first); err != nil {
		conn.Close()
		return nil, err
	}
	w := &watcher{conn, make(chan int, 1024)}
	go w.listen(replies)
	return w, nil
}

// listen ends when the connection does. More often than 1024 times nobody commits.
func (w *watcher) listen(replies *json.Decoder) {
	for {
		var update struct {
			Method string
			Params []json.RawMessage
		}
		if replies.Decode(&update) != nil {
			return
		}
		if update.Method != "update" || len(update.Params) != 2 {
			continue
		}
		var tables map[string]map[string]struct {
			New struct {
				Config int `json:"nb_cfg"`
			}
		}
		if json.Unmarshal(update.Params[1], &tables) != nil {
			continue
		}
		for _, row := range tables["NB_Global"] {
			w.each <- row.New.Config
		}
	}
}
