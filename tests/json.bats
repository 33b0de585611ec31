# --json: what is written stands in blk(7), and what stands there is written.
# shellcheck disable=SC2154  # stderr is run's
load helper

# j STATUS COMMAND...: a line "COMMAND [SUBCOMMAND] type key..." of each line
# that it writes goes to said; the last one is a summary.
j() {
	local status=$1 who

	shift
	run "-$status" --separate-stderr bound "$@" --json
	[ -n "$output" ] || fail "$*: wrote nothing: $stderr"
	who=$1
	[ "$1" != blk-backup ] || who="$1 $2"
	jq -r --arg who "$who" \
		'"\($who)\t\(.type)\t\(keys_unsorted | map(select(endswith("_b64") | not)) | join(" "))"' \
		<<<"$output" >lines || fail "$*: $output"
	run ! grep -vE $'^[^\t]+\t[a-z]+\ttype( |$)' lines
	[ "$(tail -n 1 lines | cut -f 2)" = summary ] || fail "$*: the last line is no summary"
	[ "$(cut -f 2 lines | grep -c summary)" -eq 1 ] || fail "$*: several summaries"
	cat lines >>said
}

# Every command once at least, with whatever makes it say all that it can say.
say_all() {
	local id

	j 0 blk-init
	j 0 blk-config list
	j 0 blk-config get compression
	j 0 blk-config set user.x y
	echo text >text
	random_file 300000 json big
	j 0 blk-put text
	j 0 blk-put -N text text
	j 0 blk-put -N text -t text/plain -a k=v -l rel=text@1 --expires 1y big
	j 0 blk-put --ref text -N other
	j 0 blk-get -e text
	j 6 blk-get -e text none
	j 0 blk-get -o out text
	mkdir dir
	echo in >dir/file
	random_file 500000 large dir/large
	ln -s file dir/link
	printf x >dir/$'\xff'
	echo secret >dir/closed
	chmod 0 dir/closed
	j 3 blk-backup create -N snap dir
	rm -f dir/closed
	echo more >>dir/file
	mkfifo dir/fifo
	j 0 blk-backup create -N snap --tag t dir
	j 0 blk-backup list
	j 0 blk-backup show snap@1
	changing
	j 0 blk-backup show moving
	j 0 blk-ls moving:
	j 0 blk-backup diff snap@1 snap
	j 0 blk-backup find file
	j 0 blk-backup verify snap
	j 0 blk-backup status --max-age 1h snap
	j 0 blk-backup restore -v -t back snap
	j 0 blk-backup export -o snap.tar snap
	j 0 blk-backup import -N import snap.tar
	j 0 blk-backup prune --keep-last 1 snap
	j 0 blk-ls
	j 0 blk-ls snap:
	j 0 blk-ls --count
	for what in versions chunks links; do
		j 0 blk-ls --$what text
	done
	for what in objects segments log; do
		j 0 blk-ls --$what
	done
	id=$(sha text)
	j 0 blk-ls --refs "$id"
	mkdir twice
	cp big twice/one
	cp big twice/two
	j 0 blk-backup create -N twice twice
	j 0 blk-dedup
	j 0 blk-dedup --chunks big
	j 0 blk-dedup --estimate big
	j 0 blk-dedup --apply
	j 0 blk-rm -n other
	j 0 blk-rm other
	j 0 blk-put -N soon --expires 1s text
	sleep 1.1
	j 0 blk-gc -n
	j 0 blk-gc
	j 0 blk-stat -v
	j 0 blk-stat text snap
	j 0 blk-stat --engine
	j 0 blk-stat --health
	j 0 blk-check --read-data
	damage
	j 4 blk-check --read-data
	j 1 blk-stat --health
	j 4 blk-check --repair --read-data
}

# A snapshot of a device that says of a file that it changed while it was read.
changing() {
	echo 'C 600 0 0 0 device=1:3 null' >tree
	cat >snapshot <<-END
		snapshot 1
		tree $(sha tree)
		root 755 0 0 0
		name moving
		host here
		path /src
		start 1700000000000000000
		end 1700000000000000000
		files 1
		dirs 1
		others 0
		bytes 2
		changed log
	END
	"$BUILD/tests/crafted" store moving tree tree snapshot snapshot
}

# The table of blk.7, a line "COMMAND<tab>type<tab>key" for each key.
listed() {
	awk '
		/^\.Ss The lines of each command/ { here = 1 }
		here && /^\.Ed/ { exit }
		here && literal {
			if (substr($0, 1, 1) != " ")
				who = substr($0, 1, 20)
			if (substr($0, 21, 1) != " ")
				type = substr($0, 21, 11)
			sub(/ +$/, "", who)
			sub(/ +$/, "", type)
			n = split(substr($0, 32), key, / +/)
			for (i = 1; i <= n; i++)
				print who "\t" type "\t" key[i]
		}
		here && /^\.Bd/ { literal = 1 }' "$SRC/man/blk.7" | sort -u
}

@test "each line of --json is what blk(7) says, the last one a summary" {
	need bound
	say_all
	awk -F '\t' '{
			n = split($3, key, " ")
			for (i = 2; i <= n; i++)
				print $1 "\t" $2 "\t" key[i]
		}' said | sort -u >seen
	listed >listed
	diff -u --label 'blk(7)' --label 'what commands write' listed seen
}
