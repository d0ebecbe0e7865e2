# SPDX-License-Identifier: Apache-2.0

# wait_for SECONDS COMMAND...: until the command succeeds; tells its last output when it never does. The seconds are what a machine with
# nothing else to do may need: several times as many are waited, as other files' tests run beside.
wait_for() {
	local until=$((SECONDS + $1 * ${CUBE_TEST_PATIENCE:-4})) output
	shift
	until output=$("$@" 2>&1); do
		if [ "$SECONDS" -gt "$until" ]; then
			printf 'gave up waiting for: %s\nlast output: %s\n' "$*" "$output" >&2
			return 1
		fi
		sleep 0.03
	done
}
