package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"time"
)

// ensureCertificates gives the mirror's identity under the hosts that it is asked at, made once and kept: a client that
// trusts our authority goes on trusting it when the mirror starts again. It is made anew when it is missing, unreadable,
// made for fewer hosts, or ends within a month.
func ensureCertificates(home place, hosts []net.IP) (tls.Certificate, error) {
	if identity, err := tls.LoadX509KeyPair(home.certificate(), home.key()); err == nil {
		leaf := identity.Leaf
		if _, err := os.Stat(home.authority()); err == nil && leaf != nil && covers(leaf, hosts) && time.Until(leaf.NotAfter) > 30*24*time.Hour {
			return identity, nil
		}
	}
	if err := makeCertificates(home, hosts); err != nil {
		return tls.Certificate{}, err
	}
	return tls.LoadX509KeyPair(home.certificate(), home.key())
}

func covers(leaf *x509.Certificate, hosts []net.IP) bool {
	for _, host := range hosts {
		if leaf.VerifyHostname(host.String()) != nil {
			return false
		}
	}
	return true
}

// hostsOf gives the hosts of addresses to listen on, each host:port with a number for a host.
func hostsOf(addresses []string) ([]net.IP, error) {
	hosts := []net.IP{net.IPv6loopback}
	for _, address := range addresses {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		number := net.ParseIP(host)
		if number == nil {
			return nil, fmt.Errorf("%q is no number of a host", host)
		}
		hosts = append(hosts, number)
	}
	return hosts, nil
}

// makeCertificates writes a new authority and a server certificate signed by it. The authority's key is forgotten: nothing
// else is ever signed with it.
func makeCertificates(home place, hosts []net.IP) error {
	from := time.Now().Add(-time.Hour)
	authorityKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	authority := &x509.Certificate{
		SerialNumber:          big.NewInt(from.UnixNano()),
		Subject:               pkix.Name{CommonName: "pgedge-bootstrap lab authority"},
		NotBefore:             from,
		NotAfter:              from.AddDate(5, 0, 0),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	authorityDER, err := x509.CreateCertificate(rand.Reader, authority, authority, &authorityKey.PublicKey, authorityKey)
	if err != nil {
		return err
	}

	serverKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	server := &x509.Certificate{
		SerialNumber: big.NewInt(from.UnixNano() + 1),
		Subject:      pkix.Name{CommonName: "pgedge-bootstrap lab mirror"},
		NotBefore:    from,
		NotAfter:     from.AddDate(2, 0, 0),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:     []string{"localhost"},
		IPAddresses:  hosts,
	}
	serverDER, err := x509.CreateCertificate(rand.Reader, server, authority, &serverKey.PublicKey, authorityKey)
	if err != nil {
		return err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(serverKey)
	if err != nil {
		return err
	}

	for _, file := range []struct {
		path, kind string
		content    []byte
		mode       os.FileMode
	}{
		{home.key(), "PRIVATE KEY", keyDER, 0o600},
		{home.certificate(), "CERTIFICATE", serverDER, 0o644},
		{home.authority(), "CERTIFICATE", authorityDER, 0o644},
	} {
		text := pem.EncodeToMemory(&pem.Block{Type: file.kind, Bytes: file.content})
		if err := os.WriteFile(file.path, text, file.mode); err != nil {
			return err
		}
	}
	return nil
}
