# SPDX-License-Identifier: Apache-2.0
# Containers for runtime.bats: each test has its own folder and cgroup parent; all of it is removed whatever happened, and
# a test that leaves a mount, cgroup or process behind fails for that.
#
#   RT           the test's folder: bundle/, state/
#   CG           its cgroup parent
# bundle ARGS... makes a bundle whose program is ARGS; cfg 'PYTHON' changes its config.json (as c); oci ARGS... runs cube-oci.

# shellcheck source=test/system/wait.bash
. "${BASH_SOURCE[0]%/*}/wait.bash"

CUBE_BUILD=${CUBE_BUILD:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../../build-release" && pwd)}
CUBE_OCI=$CUBE_BUILD/src/main/cube-oci
HERE=$(dirname "${BASH_SOURCE[0]}")

rt_begin() {
	RT=$(mktemp -d "${TMPDIR:-/tmp}/cube-rt.XXXXXX")
	CG=/cube-test-$$-${RT##*.}
	mkdir -p "$RT/bundle/rootfs/bin" "$RT/bundle/rootfs/tmp" "$RT/state"
	chmod 755 "$RT" "$RT/state" "$RT/bundle"
	cp "$(command -v busybox)" "$RT/bundle/rootfs/bin/busybox"
	for name in sh true false cat ls ps id mount umount hostname sleep echo touch rm mkdir ln readlink grep wc head dd yes stty \
		kill ip ping test pwd printf seq awk env cut tty; do
		ln -s busybox "$RT/bundle/rootfs/bin/$name"
	done
}

rt_end() {
	[ -n "${RT:-}" ] || return 0
	local left=0 dir id
	for dir in "$RT"/state/*/; do
		[ -d "$dir" ] || continue
		id=$(basename "$dir")
		"$CUBE_OCI" --root "$RT/state" delete --force "$id" || left=1
	done
	if grep -q " $RT/" /proc/self/mountinfo; then
		echo "mounts left:"; grep " $RT/" /proc/self/mountinfo; left=1
		grep -o " $RT/[^ ]*" /proc/self/mountinfo | tac | xargs -r -n1 umount -l
	fi
	for dir in /sys/fs/cgroup/*"$CG" /sys/fs/cgroup"$CG"; do
		[ -d "$dir" ] || continue
		if [ -n "$(find "$dir" -mindepth 1 -type d -print -quit)" ]; then
			echo "cgroup left:"; find "$dir" -mindepth 1 -type d; left=1
			find "$dir" -depth -mindepth 1 -type d -exec rmdir {} \;
		fi
		rmdir "$dir"
	done
	rm -rf "$RT"
	return $left
}

# Runs cube-oci with this test's state.
oci() { "$CUBE_OCI" --root "$RT/state" "$@"; }

bundle() {
	python3 - "$RT/bundle/config.json" "$CG" "$@" <<-'PY'
	import json, subprocess, sys, os, tempfile
	path, cgroup, args = sys.argv[1], sys.argv[2], sys.argv[3:]
	with tempfile.TemporaryDirectory() as d:
	    subprocess.run([os.environ["CUBE_OCI"], "spec", "-b", d], check=True)
	    c = json.load(open(d + "/config.json"))
	c["process"]["args"] = args
	c["process"]["terminal"] = False
	c["process"]["env"].append("HOME=/")
	c["linux"]["cgroupsPath"] = cgroup + "/" + "c"
	json.dump(c, open(path, "w"))
	PY
}

cfg() {
	python3 - "$RT/bundle/config.json" "$1" <<-'PY'
	import json, sys
	c = json.load(open(sys.argv[1]))
	exec(sys.argv[2])
	json.dump(c, open(sys.argv[1], "w"))
	PY
}

# In the bundle's folder, like a user would call it.
run_container() { (cd "$RT/bundle" && oci run "${1:-c}"); }

status_is() { [ "$(oci state "$1" 2>/dev/null | python3 -c 'import json,sys; print(json.load(sys.stdin)["status"])')" = "$2" ]; }
monitor() { python3 "$HERE/monitor_client.py" "$@"; }
export CUBE_OCI
