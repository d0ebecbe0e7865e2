# SPDX-License-Identifier: Apache-2.0
# Of the container in cgroup_v2.bats that must not write one file.
abi <abi/3.0>,
profile cube-test flags=(attach_disconnected,mediate_deleted) {
  file,
  capability,
  signal,
  deny /tmp/denied w,
}
