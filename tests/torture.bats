# Writers, readers, deleters and a collector at once, killed and frozen.
# shellcheck disable=SC2154 # seed and soak come from faults
load helper
load faults

seconds=${BLK_SOAK_SECONDS:-${CI:+60}}

@test "nothing promised is lost under torture, and all garbage goes" {
	seconds=${seconds:-20}
	run timeout $((seconds + 300)) \
		bash "$SRC/tests/torture.sh" "$seconds" "$seed"
	[ "$status" -eq 0 ] || fail "seed $seed: exit $status: $output"
	[[ $output == *' promised, '* ]] || fail "$output"
	tell "seed $seed, $seconds seconds: $output"
}
