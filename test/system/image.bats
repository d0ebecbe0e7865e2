#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Images: archives, a real registry on loopback, and layers compared with what other tools unpack.

bats_require_minimum_version 1.5.0
load container.bash

setup() {
	place_begin
	REGISTRY_PID=
}
teardown() {
	[ -z "$REGISTRY_PID" ] || { kill "$REGISTRY_PID"; wait "$REGISTRY_PID" || true; }
	place_end
}

# registry_start [HTPASSWD]
registry_start() {
	cat >"$PLACE/registry.yml" <<-EOF
		version: 0.1
		storage: { filesystem: { rootdirectory: $PLACE/registry } }
		http: { addr: "127.0.0.1:5000" }
		log: { level: error }
	EOF
	[ $# = 0 ] || echo "auth: { htpasswd: { realm: test, path: $1 } }" >>"$PLACE/registry.yml"
	nsenter --target "$PLACE_PID" --net -- docker-registry serve "$PLACE/registry.yml" >"$PLACE/registry.log" 2>&1 </dev/null 3>&- &
	REGISTRY_PID=$!
	wait_for 10 in_place sh -c 'wget -qO- http://127.0.0.1:5000/v2/ || wget -S -qO- http://127.0.0.1:5000/v2/ 2>&1 | grep -q 401'
}

push() { # ARCHIVE NAME [SKOPEO FLAGS]
	in_place skopeo copy --quiet --dest-tls-verify=false "${@:3}" "$1" "docker://127.0.0.1:5000/$2" >/dev/null
}

blobs() { ls "$PLACE/data/image/content/sha256" | wc -l; }

# Names, types, modes, owners, sizes, links and content of a tree.
tree_of() {
	(cd "$1" && find . -mindepth 1 -printf '%P %y %m %U %G %l\n' | sort
	 find . -type f -print0 | sort -z | xargs -0 sha256sum)
}

@test "docker archive, OCI layout and root file system give the same files" {
	make_image busybox --tag docker:1 --output "$PLACE/docker.tar"
	make_image busybox --tag oci:1 --output "$PLACE/oci.tar" --format oci
	t import "$PLACE/docker.tar"
	docker_layer=$(t layers docker:1)
	tree_of "$docker_layer/" >"$PLACE/docker.tree"
	grep -q 'bin/busybox f 755' "$PLACE/docker.tree"
	t import "$PLACE/oci.tar"
	tree_of "$(t layers oci:1)/" | diff - "$PLACE/docker.tree"
	tar -C "$docker_layer/" -czf "$PLACE/root.tar.gz" .
	run t import "$PLACE/root.tar.gz" sh
	[[ "$output" == *"needs a name"* ]]
	t --name plain:1 import "$PLACE/root.tar.gz" sh
	tree_of "$(t layers plain:1)/" | diff - "$PLACE/docker.tree"
	t --name c run plain:1
	wait_for 5 is_status c "exited exit=0 oom=0"
}

@test "an archive comes through a pipe, too" {
	make_image busybox --tag bb:1 --output "$PLACE/bb.tar"
	cat "$PLACE/bb.tar" | t import -
	[ -d "$(t layers bb:1)" ]
}

@test "several layers with whiteouts unpack as the kernel and skopeo see them" {
	make_image busybox --tag bb:1 --output "$PLACE/bb.tar"
	mkdir -p "$PLACE"/{a/d/sub,a/o,b/d,b/o,out}
	echo one >"$PLACE/a/d/one"; echo two >"$PLACE/a/d/two"; echo old >"$PLACE/a/o/old"; echo x >"$PLACE/a/d/sub/x"
	ln "$PLACE/a/d/one" "$PLACE/a/d/hard"; ln -s one "$PLACE/a/d/soft"; chown 12:34 "$PLACE/a/d/two"; chmod 4711 "$PLACE/a/d/two"
	truncate -s 1M "$PLACE/a/d/sparse"; echo end >>"$PLACE/a/d/sparse"
	touch "$PLACE/b/d/.wh.one" "$PLACE/b/d/.wh.sub" "$PLACE/b/o/.wh..wh..opq"; echo new >"$PLACE/b/o/new"
	tar -C "$PLACE/a" --format=gnu -Scf "$PLACE/a.tar" .
	tar -C "$PLACE/b" --format=pax -cf "$PLACE/b.tar" .
	zstd -q "$PLACE/b.tar" -o "$PLACE/b.tar.zst" 2>/dev/null || gzip -c "$PLACE/b.tar" >"$PLACE/b.tar.zst"
	python3 - "$PLACE" <<-'EOF'
		import hashlib, json, sys, tarfile, io
		place = sys.argv[1]
		ids = ["sha256:" + hashlib.sha256(open(f"{place}/{n}.tar", "rb").read()).hexdigest() for n in "ab"]
		config = json.dumps({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": ids}}).encode()
		manifest = json.dumps([{"Config": "c.json", "RepoTags": ["two:1"], "Layers": ["a.tar", "b.tar.zst"]}]).encode()
		with tarfile.open(f"{place}/two.tar", "w") as out:
		    for name, data in (("c.json", config), ("manifest.json", manifest)):
		        entry = tarfile.TarInfo(name); entry.size = len(data); out.addfile(entry, io.BytesIO(data))
		    for name in ("a.tar", "b.tar.zst"):
		        out.add(f"{place}/{name}", name)
	EOF
	t import "$PLACE/two.tar"
	lower=$(t layers two:1 | paste -sd:)
	in_place mount -t overlay -o "lowerdir=$lower" overlay "$PLACE/out"
	merged=$(in_place sh -c "cd $PLACE/out && find . -mindepth 1 | sort && cat o/new && stat -c '%a %u %g' d/two && tail -c 4 d/sparse && readlink d/soft")
	in_place umount "$PLACE/out"
	echo "$merged"
	[ "$merged" = "./d
./d/hard
./d/soft
./d/sparse
./d/two
./o
./o/new
new
4711 12 34
end
one" ]
	first=$(t layers two:1 | tail -n 1)
	[ "$(stat -c %b "$first/d/sparse")" -lt 1000 ]
}

@test "pull by tag and by digest, again, and what a registry lacks" {
	registry_start
	make_image web --tag web:1 --output "$PLACE/web.tar"
	push "docker-archive:$PLACE/web.tar" team/web:1
	t pull 127.0.0.1:5000/team/web:1 2>"$PLACE/progress"
	grep -q "downloaded" "$PLACE/progress"
	digest=$(t images | grep -o 'team/web@sha256:[0-9a-f]*')
	t pull 127.0.0.1:5000/team/web:1 2>"$PLACE/progress"
	grep -q exists "$PLACE/progress"
	t rmi 127.0.0.1:5000/team/web:1
	[ -z "$(t images)" ]
	t pull "127.0.0.1:5000/$digest"
	t --name w run "127.0.0.1:5000/$digest"
	sleep 0.2
	is_status w "running exit=0 oom=0"
	run t pull 127.0.0.1:5000/team/none:1
	[ "$output" = 'failed to pull and unpack image "127.0.0.1:5000/team/none:1": failed to resolve reference "127.0.0.1:5000/team/none:1": 127.0.0.1:5000/team/none:1: not found' ]
	run t pull "127.0.0.1:5000/team/web@sha256:$(printf '0%.0s' $(seq 64))"
	[[ "$output" == *": not found" ]]
	run t pull 127.0.0.1:5001/x
	[[ "$output" == *"onnection refused"* ]]
	run t pull Bad/Name:
	[ "$output" = "invalid reference format" ]
}

@test "a blob with other bytes than its digest says is refused, and nothing stays" {
	registry_start
	make_image busybox --tag bb:1 --output "$PLACE/bb.tar"
	push "docker-archive:$PLACE/bb.tar" bb:1
	blob=$(find "$PLACE/registry" -name data -size +100k)
	printf x | dd of="$blob" bs=1 seek=1000 conv=notrunc status=none
	run t pull 127.0.0.1:5000/bb:1
	[[ "$output" == *"unexpected commit digest sha256:"*", expected sha256:"* ]]
	[ -z "$(t images)" ]
	[ "$(blobs)" = 0 ]
	[ -z "$(ls "$PLACE/data/image/content/ingest" "$PLACE/data/image/layers" | grep -v :)" ]
}

@test "a registry that wants a password" {
	command -v htpasswd >/dev/null || python3 -c 'import crypt' 2>/dev/null || skip "nothing here makes bcrypt hashes"
	python3 -W ignore -c 'import crypt; print("user:" + crypt.crypt("secret", crypt.mksalt(crypt.METHOD_BLOWFISH)))' >"$PLACE/htpasswd" ||
		htpasswd -Bbn user secret >"$PLACE/htpasswd"
	registry_start "$PLACE/htpasswd"
	make_image busybox --tag bb:1 --output "$PLACE/bb.tar"
	push "docker-archive:$PLACE/bb.tar" bb:1 --dest-creds user:secret
	run t pull 127.0.0.1:5000/bb:1
	[[ "$output" == *"pull access denied, repository does not exist or may require authorization"* ]]
	run t --user user --password wrong pull 127.0.0.1:5000/bb:1
	[[ "$output" == *"401 Unauthorized"* ]]
	t --user user --password secret pull 127.0.0.1:5000/bb:1
}

@test "a pull that is given up leaves nothing" {
	registry_start
	make_image web --tag web:1 --output "$PLACE/web.tar"
	push "docker-archive:$PLACE/web.tar" web:1
	# A registry that takes the connection and then says nothing: only giving up ends such a pull.
	nsenter --target "$PLACE_PID" --net -- python3 -c 'import socket, time
s = socket.create_server(("127.0.0.1", 5001))
kept = []
s.settimeout(30)
while True:
    kept.append(s.accept())' >/dev/null 2>&1 </dev/null 3>&- &
	local silent=$!
	wait_for 5 in_place sh -c 'grep -q ":1389 " /proc/net/tcp'
	run t --timeout 300 pull 127.0.0.1:5001/web:1
	kill "$silent"
	wait "$silent" || true # it was ended
	[[ "$output" == *"context canceled"* ]]
	t list
	[ "$(blobs)" = 0 ]
	[ -z "$(ls "$PLACE/data/image/content/ingest")" ]
	t pull 127.0.0.1:5000/web:1
}

@test "removal takes the last name, then all that no other image needs" {
	make_image busybox --tag bb:1 --output "$PLACE/bb.tar"
	make_image web --tag web:1 --output "$PLACE/web.tar"
	t import "$PLACE/bb.tar"
	t import "$PLACE/web.tar"
	t tag bb:1 other/name:2
	t rmi bb:1
	t layers other/name:2
	t --name c run other/name:2 sleep 1000
	t rmi other/name:2
	run t layers other/name:2
	[[ "$output" == *"No such image: other/name:2"* ]]
	t exec c true # its layers are still there
	t -f rm c
	t rmi web:1
	t list # a service that is opened sweeps what an ended one left
	[ "$(blobs)" = 0 ]
	[ -z "$(ls "$PLACE/data/image/layers" "$PLACE/data/image/l" | grep -v :)" ]
}

@test "archives that are cut off, corrupt or empty" {
	make_image busybox --tag bb:1 --output "$PLACE/bb.tar"
	head -c 100000 "$PLACE/bb.tar" >"$PLACE/cut.tar"
	run t import "$PLACE/cut.tar"
	[[ "$output" == *"unexpected end of archive"* ]]
	head -c 5000 /dev/urandom >"$PLACE/random"
	run t --name x import "$PLACE/random"
	[[ "$output" == *"tar: "* ]]
	run t import "$PLACE/missing"
	[[ "$output" == *"No such file or directory"* ]]
	gzip -c "$PLACE/bb.tar" | head -c 100000 >"$PLACE/cut.gz"
	run t import "$PLACE/cut.gz"
	[ "$status" != 0 ]
	[ -z "$(t images)" ]
	t list
	[ "$(blobs)" = 0 ]
}

@test "a full disk is one clear line, and is cleared up" {
	make_image web --tag web:1 --output "$PLACE/web.tar"
	in_place mount -t tmpfs -o size=6m tmpfs "$PLACE/data"
	run t import "$PLACE/web.tar"
	[[ "$output" == *"No space left on device"* ]]
	[ "$status" != 0 ]
	in_place test ! -e "$PLACE/data/image/images.json"
	run t images
	[ "$status" = 0 ]
	[ -z "$(in_place ls "$PLACE/data/image/content/sha256")" ]
	make_image busybox --tag bb:1 --output "$PLACE/bb.tar"
	t import "$PLACE/bb.tar"
	in_place umount -l "$PLACE/data"
}
