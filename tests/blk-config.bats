# What blk-config(1) promises.
load helper

setup() {
	blk_setup
	blk-init
}

commits() {
	find store/log -type f | wc -l
}

@test "blk-config list prints every setting, the defaults too" {
	run -0 --separate-stderr blk-config list
	[ "$output" = 'compression=zstd:3
frame-size=1M
gc.keep-unreferenced=24h
gc.max-unused=4
segment-size=16M' ]
	[ -z "$stderr" ]
}

@test "what blk-config set changed, get and list print" {
	run -0 --separate-stderr blk-config set compression lz4
	[ -z "$output$stderr" ]
	blk-config set user.contact operations@example.org
	[ "$(blk-config get compression)" = lz4 ]
	[ "$(blk-config get user.contact)" = operations@example.org ]
	blk-config list >list
	grep -qx 'compression=lz4' list
	grep -qx 'user.contact=operations@example.org' list
}

@test "the empty value takes a setting back to its default" {
	blk-config set gc.max-unused 30
	blk-config set user.a b
	blk-config set gc.max-unused ''
	blk-config set user.a ''
	[ "$(blk-config get gc.max-unused)" = 4 ]
	run -6 --separate-stderr blk-config get user.a
	[ "$stderr" = 'blk-config: user.a: not set' ]
	run ! grep user.a <(blk-config list)
}

@test "a value as long as an argument can be leaves the store readable" {
	value=$(head -c 130000 /dev/zero | tr '\0' '%')
	blk-config set user.long "$value"
	rm -f store/index-1.db*
	[ "$(blk-config get user.long)" = "$value" ]
	printf 'hello\n' | blk-put -N f
	blk-get f | grep -qx hello
}

@test "settings are in the log: they survive the index" {
	blk-config set segment-size 2M
	blk-config list >before
	rm -f store/index-*
	blk-config -q list | cmp - before
}

@test "a setting holds for what is written from then on" {
	seq 100000 >in
	blk-config set compression none
	blk-put -N a in
	plain=$(du -sb --exclude='index-*' --exclude=reserve store | cut -f 1)
	[ "$plain" -gt 500000 ]
	blk-config set compression zstd:9
	seq 2 200000 >in2
	blk-put -N b in2
	both=$(du -sb --exclude='index-*' --exclude=reserve store | cut -f 1)
	[ $((both - plain)) -lt 700000 ]
	blk-get b | cmp - in2
}

@test "setting what is set makes no commit" {
	blk-config set compression lz4
	before=$(commits)
	blk-config set compression lz4
	blk-config set user.never ''
	[ "$(commits)" -eq "$before" ]
}

@test "keys that are no settings are usage errors" {
	for args in 'get colour' 'set colour red' 'get user.' 'get chunk-size' \
		'set user. x' 'get redirect' 'get user.a:b'; do
		# shellcheck disable=SC2086
		run -2 --separate-stderr blk-config $args
		[[ $stderr == 'blk-config: '* ]] || fail "$args: $stderr"
	done
	[ "$(commits)" -eq 1 ]
}

@test "values that a key does not take are usage errors" {
	while read -r key value; do
		run -2 --separate-stderr blk-config set -- "$key" "$value"
		[[ $stderr == "blk-config: $key"* ]] || fail "$key $value: $stderr"
	done <<-'END'
		compression rot13
		compression zstd:100
		segment-size 1
		segment-size many
		frame-size 1G
		gc.max-unused 101
		gc.max-unused -1
		gc.keep-unreferenced soon
	END
	[ "$(commits)" -eq 1 ]
}

# refused KEY VALUE MESSAGE: also of the option of blk-init that sets it
refused() {
	run -2 --separate-stderr blk-config set "$1" "$2"
	[ "${stderr%%$'\n'*}" = "blk-config: $1: $3" ] || fail "$stderr"
}

@test "the limits of sizes and percentages are what the manual says" {
	refused segment-size 65535 '65535 is not between 64K and 128M'
	refused segment-size 134217729 '134217729 is not between 64K and 128M'
	refused frame-size 4095 '4095 is not between 4K and 16M'
	refused frame-size 16777217 '16777217 is not between 4K and 16M'
	refused gc.max-unused 10% "'10%' is not a percentage from 0 to 100"
	refused gc.max-unused 101 "'101' is not a percentage from 0 to 100"
	for pair in 'segment-size 64K' 'segment-size 128M' 'frame-size 4K' 'frame-size 16M' \
		'gc.max-unused 0' 'gc.max-unused 100'; do
		# shellcheck disable=SC2086
		blk-config set $pair
		[ "$(blk-config get "${pair% *}")" = "${pair#* }" ]
	done
	run -2 --separate-stderr blk-init -s new --segment-size 256M
	[[ $stderr == *'--segment-size: 256M is not between 64K and 128M'* ]] || fail "$stderr"
	[ ! -e new ]
}

@test "blk-config -n changes nothing" {
	for args in '-n set' 'set -n' '--dry-run set'; do
		# shellcheck disable=SC2086
		run -0 --separate-stderr blk-config $args compression lz4
		[ "$stderr" = "blk-config: would set compression to 'lz4'" ]
		[ "$(blk-config get compression)" = zstd:3 ]
	done
}

@test "blk-config has subcommands, each with its operands" {
	for args in '' 'get' 'get a b' 'set compression' 'set a b c' 'list x' 'show' \
		'get -n compression' '-n get compression' '-n list'; do
		# shellcheck disable=SC2086
		run -2 --separate-stderr blk-config $args
		[ -z "$output" ]
	done
}

@test "a store that is not there is exit 6" {
	run -6 --separate-stderr blk-config -s nowhere list
	[[ $stderr == *nowhere*blk-init* ]] || fail "$stderr"
	[ ! -e nowhere ]
}

@test "blk-config --json has a line for each setting and a summary" {
	blk-config set user.x 'a "b"'
	blk-config list --json >out
	[ "$(jq -r 'select(.type == "setting" and .key == "user.x").value' out)" = 'a "b"' ]
	[ "$(jq -r 'select(.key == "user.x").default' out)" = false ]
	[ "$(jq -r 'select(.key == "compression").default' out)" = true ]
	[ "$(tail -n 1 out)" = '{"type":"summary","settings":6}' ]
	[ "$(blk-config get --json compression | head -n 1 | jq -r .value)" = zstd:3 ]
}

@test "blk-config -0 ends items in NUL" {
	blk-config list -0 | tr '\0' '\n' | cmp - <(blk-config list)
}

@test "a lost list is a failure" {
	run -1 --separate-stderr bash -c 'blk-config list >/dev/full'
	[ "$stderr" = 'blk-config: standard output: No space left on device' ]
}
