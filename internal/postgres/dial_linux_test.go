package postgres

import (
	"net"
	"testing"

	"golang.org/x/sys/unix"
)

// What the kernel is told about a connection to a database behind a network.
func TestDialerGivesUp(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	conn, err := dialer().DialContext(t.Context(), "tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	for _, option := range []struct {
		name         string
		number, want int
	}{
		{"TCP_USER_TIMEOUT, ms", unix.TCP_USER_TIMEOUT, 15_000},
		{"TCP_KEEPIDLE, s", unix.TCP_KEEPIDLE, 15},
		{"TCP_KEEPINTVL, s", unix.TCP_KEEPINTVL, 5},
		{"TCP_KEEPCNT", unix.TCP_KEEPCNT, 3},
	} {
		var got int
		var fault error
		if err := raw.Control(func(fd uintptr) { got, fault = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, option.number) }); err != nil || fault != nil {
			t.Fatal(err, fault)
		}
		if got != option.want {
			t.Errorf("%s: got %d, want %d", option.name, got, option.want)
		}
	}
}
