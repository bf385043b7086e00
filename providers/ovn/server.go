package ovn

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"github.com/ovn-org/libovsdb/client"
	"github.com/ovn-org/libovsdb/model"
	"github.com/ovn-org/libovsdb/ovsdb"

	"github.com/cairncloud/cairn/resources/cloud"
)

// The databases of OVN.
const (
	northbound = "OVN_Northbound"
	southbound = "OVN_Southbound"
)

const (
	// connectTime bounds how long a server may take to be reached and to say what
	// it serves.
	connectTime = 5 * time.Second
	// transactTime bounds one transaction. The largest takes about a second.
	transactTime = 60 * time.Second
)

// A server is one database, of one server or of a cluster.
type server struct {
	database  string
	endpoints []string
	conf      cloud.OVN

	mu     sync.Mutex // guards client
	client client.Client
}

// connection answers with a connection to the leader, made anew when there is
// none.
func (s *server) connection(ctx context.Context) (client.Client, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.client != nil && s.client.Connected() {
		return s.client, nil
	}
	s.drop()
	if len(s.endpoints) == 0 {
		return nil, fmt.Errorf("the cloud file names no server of %s", s.database)
	}
	c, err := s.dial(ctx, s.endpoints)
	if err == nil {
		s.client = c
		return c, nil
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	var errs []error
	for _, e := range s.endpoints { // each says what is wrong with it
		c, err := s.dial(ctx, []string{e})
		if err == nil { // it has become well meanwhile
			s.client = c
			return c, nil
		}
		errs = append(errs, fmt.Errorf("connect %s: %w", e, s.explain(err)))
	}
	return nil, errors.Join(errs...)
}

func (s *server) drop() {
	if s.client != nil {
		s.client.Close()
		s.client = nil
	}
}

func (s *server) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop()
}

func (s *server) dial(ctx context.Context, endpoints []string, more ...client.Option) (client.Client, error) {
	nothing, err := model.NewClientDBModel(s.database, map[string]model.Model{})
	if err != nil {
		return nil, err
	}
	return s.dialModel(ctx, nothing, endpoints, more...)
}

func (s *server) dialModel(ctx context.Context, m model.ClientDBModel, endpoints []string, more ...client.Option) (client.Client, error) {
	quiet := logr.Discard()
	options := append([]client.Option{client.WithLeaderOnly(true), client.WithLogger(&quiet)}, more...)
	for _, e := range endpoints {
		options = append(options, client.WithEndpoint(e))
	}
	if slices.ContainsFunc(endpoints, func(e string) bool { return strings.HasPrefix(e, "ssl:") }) {
		t, err := s.tls()
		if err != nil {
			return nil, err
		}
		options = append(options, client.WithTLSConfig(t))
	}
	c, err := client.NewOVSDBClient(m, options...)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	if err := c.Connect(ctx); err != nil {
		c.Close()
		if ctx.Err() != nil {
			err = errors.Join(err, ctx.Err())
		}
		return nil, err
	}
	return c, nil
}

// tls reads the certificates. As OVN's own tools do, it holds the server's to the
// CA and not to a name: certificates of ovs-pki carry none.
func (s *server) tls() (*tls.Config, error) {
	if s.conf.CA == "" {
		return nil, errors.New("ssl needs a CA: say tls { ca = \"FILE\" } in the cloud file's ovn block")
	}
	text, err := os.ReadFile(s.conf.CA)
	if err != nil {
		return nil, fmt.Errorf("read the CA: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s holds no certificate in PEM", s.conf.CA)
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: true, //nolint:gosec // VerifyConnection does it
		VerifyConnection: func(state tls.ConnectionState) error {
			between := x509.NewCertPool()
			for _, c := range state.PeerCertificates[1:] {
				between.AddCert(c)
			}
			_, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between})
			return err
		}}
	if s.conf.Cert == "" {
		return c, nil
	}
	own, err := tls.LoadX509KeyPair(s.conf.Cert, s.conf.Key)
	if err != nil {
		return nil, fmt.Errorf("read our certificate %s and its key: %w", s.conf.Cert, err)
	}
	if leaf, err := readLeaf(s.conf.Cert); err == nil && time.Now().After(leaf.NotAfter) {
		return nil, fmt.Errorf("our certificate %s has expired on %s", s.conf.Cert, leaf.NotAfter.Format(time.DateOnly))
	}
	c.Certificates = []tls.Certificate{own}
	return c, nil
}

func readLeaf(path string) (*x509.Certificate, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("no PEM")
	}
	return x509.ParseCertificate(block.Bytes)
}

// explain says what is wrong with a server, where the library's words don't.
func (s *server) explain(err error) error {
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var record tls.RecordHeaderError
	var op *net.OpError
	text := err.Error()
	switch {
	case errors.As(err, &unknown):
		return fmt.Errorf("its certificate is not signed by the CA of %s: %w", s.conf.CA, unknown)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fmt.Errorf("its certificate has expired: %w", invalid)
	case errors.As(err, &invalid):
		return fmt.Errorf("its certificate is not valid: %w", invalid)
	case errors.As(err, &record):
		return errors.New("it speaks no TLS: try tcp: instead of ssl: for it")
	case errors.As(err, &op) && errors.Is(err, syscall.ENOENT):
		return errors.New("there is no such socket: is the server running?")
	case errors.As(err, &op) && op.Op == "dial":
		return op.Err
	case strings.Contains(text, "tls:"):
		return fmt.Errorf("TLS: %s", text[strings.LastIndex(text, "tls:")+5:])
	case strings.Contains(text, "target database"):
		return fmt.Errorf("it serves no %s: is it another database's port?", s.database)
	case strings.Contains(text, "not leader"):
		return errors.New("it is not the leader of its cluster")
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("no answer within %s: it hangs, or is no OVSDB server", connectTime)
	case strings.Contains(text, "connection is shut down"), strings.Contains(text, "EOF"), strings.Contains(text, "reset by peer"), strings.Contains(text, "invalid character"):
		return errors.New("it does not speak OVSDB with us: it is no OVSDB server, or wants ssl: in place of tcp: there")
	}
	return err
}

// A refusal is a server's no to a whole transaction.
type refusal struct {
	op   int // which operation; the number of operations when it came with the commit
	name string
	says string
}

func (r *refusal) Error() string {
	if r.says == "" {
		return r.name
	}
	return r.name + ": " + r.says
}

// errLost says that a connection broke off: what was under way may be done or not.
var errLost = errors.New("the connection broke off")

// brokeOff reports whether an error is the connection's and not the server's word.
func brokeOff(err error) bool {
	return slices.ContainsFunc([]string{"EOF", "shut down", "reset by peer", "broken pipe"}, func(s string) bool { return strings.Contains(err.Error(), s) })
}

// back waits a while for a server that was there a moment ago: it may be starting
// again.
func (s *server) back(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	for {
		_, err := s.connection(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// transact carries out operations, all or none.
func (s *server) transact(ctx context.Context, ops ...ovsdb.Operation) ([]ovsdb.OperationResult, error) {
	c, err := s.connection(ctx)
	if err != nil {
		return nil, err
	}
	bounded, cancel := context.WithTimeout(ctx, transactTime)
	defer cancel()
	results, err := c.Transact(bounded, ops...)
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case bounded.Err() != nil:
		s.close()
		return nil, fmt.Errorf("%s did not answer within %s", s.database, transactTime)
	case !c.Connected() || errors.Is(err, client.ErrNotConnected) || brokeOff(err):
		s.close()
		return nil, fmt.Errorf("%w: %w", errLost, err)
	default:
		return nil, err
	}
	for i, r := range results {
		if r.Error == "" {
			continue
		}
		if r.Error == "not leader" || r.Error == "lost connection" {
			s.close()
			return nil, fmt.Errorf("%w: %s", errLost, r.Error)
		}
		return nil, &refusal{op: i, name: r.Error, says: r.Details}
	}
	return results, nil
}
