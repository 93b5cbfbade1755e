package main

import "path/filepath"

// place is the folder that holds everything the mirror serves and keeps.
type place string

func (p place) files() string       { return filepath.Join(string(p), "files") }
func (p place) guests() string      { return filepath.Join(string(p), "guests") }
func (p place) registry() string    { return filepath.Join(string(p), "registry") }
func (p place) accessLog() string   { return filepath.Join(string(p), "access.log") }
func (p place) pidFile() string     { return filepath.Join(string(p), "mirror.pid") }
func (p place) socket() string      { return filepath.Join(string(p), "control.sock") }
func (p place) authority() string   { return filepath.Join(string(p), "ca.pem") }
func (p place) certificate() string { return filepath.Join(string(p), "server.pem") }
func (p place) key() string         { return filepath.Join(string(p), "server-key.pem") }
