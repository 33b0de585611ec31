# What was acknowledged survives a power cut.
# shellcheck disable=SC2154 # seed and soak come from faults
load helper
load faults

setup() {
	blk_setup
	unset INJECT
	cuts=3
	[ -z "$soak" ] || cuts=250
}

@test "ext4: power cuts lose nothing that was promised" {
	need loop mount
	run -0 bash "$SRC/tests/powercut.sh" ext4 "$cuts" "$seed"
	[[ $output == *'promised objects there'* ]] || fail "$output"
	tell "$output"
}

@test "xfs: power cuts lose nothing that was promised" {
	need loop mount mkfs.xfs
	run -0 bash "$SRC/tests/powercut.sh" xfs "$cuts" "$seed"
	[[ $output == *'promised objects there'* ]] || fail "$output"
	tell "$output"
}

@test "without syncs, power cuts are seen to lose what was promised" {
	need plain loop mount
	INJECT=nosync run -1 bash "$SRC/tests/powercut.sh" ext4 5 "$seed"
	[[ $output == *'lost after cut'* ]] || fail "$output"
}
