"""Hosts with a real systemd, on one switch, and a client that asks them all the time.

Theory of operation. The switch and the client are those of `vipd.lab`. A host is a Debian of its
own in a container of systemd-nspawn: systemd is its process 1, systemd-networkd has its interface,
and vipd is installed from the Debian package. Its file system is an overlay: below it the one that
`root` has made once and keeps outside of the checkout, above it memory, which survives a power cut
of the host as a disk would.

A keeper holds what the hosts need of this machine: a private mount namespace and one cgroup. It
waits for the end of a pipe whose other end is here. However this program ends, the keeper then
kills all that is in the cgroup, and the kernel removes the rest: no container, no mount and no
namespace stays behind. No machined, no D-Bus and no systemd is needed on this machine.
"""
