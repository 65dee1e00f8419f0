#!/bin/sh
# Makes a small machine of the namespaces it is started in, all of them new: mount, network, cgroup, PID and IPC. Then
# runs a command there. What it changes ends with its last process, except the cgroups of the given name.
#
#   machine.sh CGROUP COMMAND [ARGUMENT...]
set -eu
cgroup=$1
shift

mount --make-rprivate /
mount -t proc proc /proc

# The same cgroup version 1 hierarchies again, seen from where we stand: kubelet and runc look them up by their mounts.
hierarchies=$(cut -d: -f2 /proc/self/cgroup | grep .)
umount -R /sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs /sys/fs/cgroup
for hierarchy in $hierarchies; do
  folder=/sys/fs/cgroup/${hierarchy#name=}
  mkdir "$folder"
  case $hierarchy in
    name=*) mount -t cgroup -o "none,$hierarchy" cgroup "$folder" ;;
    *) mount -t cgroup -o "$hierarchy" cgroup "$folder" ;;
  esac
  mkdir "$folder/$cgroup"
  # Controllers that share a hierarchy (cpu,cpuacct) are each known by their own name too.
  for name in $(echo "${hierarchy#name=}" | tr , ' '); do
    [ -e "/sys/fs/cgroup/$name" ] || ln -s "$folder" "/sys/fs/cgroup/$name"
  done
done
for file in cpuset.cpus cpuset.mems; do
  cat "/sys/fs/cgroup/cpuset/$file" >"/sys/fs/cgroup/cpuset/$cgroup/$file"
done

# Everything that is written lies in memory and vanishes with this namespace.
for folder in /run /dev/shm /var/lib/kubelet /var/lib/cni /var/log/containers; do
  mount -t tmpfs -o mode=755 tmpfs "$folder"
done
mkdir /run/lock /run/tmp
export TMPDIR=/run/tmp NIGHTSHIFT_TEST_CGROUP="$cgroup"

# The kubelet sets these for the whole machine, which has no namespace for them: it may write to files instead.
mkdir /run/sysctl
for setting in vm/overcommit_memory=1 vm/panic_on_oom=0 kernel/panic=10 kernel/panic_on_oops=1 \
  kernel/keys/root_maxkeys=1000000 kernel/keys/root_maxbytes=25000000; do
  file=/run/sysctl/$(echo "${setting%=*}" | tr / .)
  echo "${setting#*=}" >"$file"
  mount --bind "$file" "/proc/sys/${setting%=*}"
done

# The API server listens on 127.0.0.1 only: route_localnet lets Pods reach it through the Service's address.
ip link set lo up
ip link add node0 type bridge
ip address add 192.168.123.1/24 dev node0
ip link set node0 up
ip route add default via 192.168.123.1
echo 1 >/proc/sys/net/ipv4/ip_forward
echo 1 >/proc/sys/net/ipv4/conf/all/route_localnet

# This shell stays as process 1 and reaps what containers leave behind.
"$@"
exit $?
