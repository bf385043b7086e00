package libvirt

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/cairncloud/cairn/resources/cloud"
)

// dialTLS trusts the authority that the cloud file names, and the host's name.
func dialTLS(ctx context.Context, u *url.URL, m cloud.Machine) (net.Conn, error) {
	conf, err := tlsConfig(u.Hostname(), m)
	if err != nil {
		return nil, err
	}
	raw, err := dialPlain(ctx, "tcp", address(u, portTLS), "does libvirtd run there with --listen and listen_tls = 1?")
	if err != nil {
		return nil, err
	}
	conn := tls.Client(raw, conf)
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = raw.Close()
		return nil, explainTLS(err, u, m)
	}
	// libvirtd says in one byte whether it trusts us, and else hangs up.
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	defer stop()
	verdict := make([]byte, 1)
	if _, err := conn.Read(verdict); err != nil || verdict[0] != 1 {
		_ = raw.Close()
		return nil, distrusted(m)
	}
	return conn, nil
}

// tlsConfig reads the files that the cloud file names.
func tlsConfig(name string, m cloud.Machine) (*tls.Config, error) {
	pem, err := os.ReadFile(m.CA)
	if err != nil {
		return nil, fmt.Errorf("read the ca: %w", err)
	}
	conf := &tls.Config{RootCAs: x509.NewCertPool(), ServerName: name, MinVersion: tls.VersionTLS12}
	if !conf.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("the ca %s holds no certificate in PEM", m.CA)
	}
	if m.Cert == "" {
		return conf, nil
	}
	own, err := tls.LoadX509KeyPair(m.Cert, m.Key)
	if err != nil {
		return nil, fmt.Errorf("read our certificate %s and its key %s: %w", m.Cert, m.Key, err)
	}
	if until := own.Leaf.NotAfter; time.Now().After(until) {
		return nil, fmt.Errorf("our certificate %s has expired on %s: issue it anew", m.Cert, until.Format(time.DateOnly))
	}
	conf.Certificates = []tls.Certificate{own}
	return conf, nil
}

// explainTLS says what is wrong with a server, and with which file.
func explainTLS(err error, u *url.URL, m cloud.Machine) error {
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	switch {
	case errors.As(err, &unknown):
		return fmt.Errorf("its certificate is not signed by the ca %s", m.CA)
	case errors.As(err, &name):
		return fmt.Errorf("its certificate is not for %s, but for %s: name it so in the uri, or issue its certificate anew", u.Hostname(), names(name.Certificate))
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fmt.Errorf("its certificate is good from %s to %s: issue it anew, or set the clocks", invalid.Cert.NotBefore.Format(time.DateOnly), invalid.Cert.NotAfter.Format(time.DateOnly))
	case errors.As(err, &invalid):
		return fmt.Errorf("its certificate: %w", invalid)
	case errors.As(err, &record):
		return errors.New("it speaks no TLS at that port: is it that of qemu+tcp?")
	case errors.As(err, &alert):
		return distrusted(m)
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
		return errors.New("it hung up when TLS began: is it the port of qemu+tcp, or does its log say why?")
	}
	return err
}

// distrusted is why a server ends what its client began.
func distrusted(m cloud.Machine) error {
	if m.Cert == "" {
		return errors.New("it wants a certificate of ours: say cert and key in the tls block of the cloud file")
	}
	return fmt.Errorf("it does not trust our certificate %s: the log of its libvirtd says why (another authority than its ca_file, a key usage without key encipherment, a tls_allowed_dn_list)", m.Cert)
}

// names are those that a certificate is for.
func names(c *x509.Certificate) string {
	all := append([]string(nil), c.DNSNames...)
	for _, ip := range c.IPAddresses {
		all = append(all, ip.String())
	}
	if len(all) == 0 {
		return "nobody (it has no subject alternative name)"
	}
	return strings.Join(all, ", ")
}
