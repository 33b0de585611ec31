/*
 * blk-backup - snapshots of directories.
 */
#include "snapshots.h"

int
main(int argc, char *argv[])
{
	const struct cli_command subs[] = {
		backup_create_command,
		backup_restore_command,
		backup_list_command,
		backup_show_command,
		backup_status_command,
		backup_diff_command,
		backup_find_command,
		backup_verify_command,
		backup_prune_command,
		backup_export_command,
		backup_import_command,
		{ .name = NULL },
	};
	const struct cli_command blk_backup = {
		.name = "blk-backup",
		.usage = "COMMAND [OPTION]... [ARGUMENT]...",
		.about = "Snapshots of directories.",
		.common = CLI_COMMON | CLI_DRY_RUN,
		.sub = subs,
	};
	struct cli c;

	cli_begin(&c, &blk_backup, argc, argv);
	return c.chosen->run(&c);
}
