/* SPDX-License-Identifier: MIT
 *
 * A GNU make function: $(exit-status FILE) ends make with the number in FILE. make itself turns every failure of a
 * recipe into status 2, and `make run DOM0_SCRIPT=FILE` promises FILE's own status.
 */
#include <gnumake.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int plugin_is_GPL_compatible;
int exit_status_gmk_setup(void);

static char* exit_status(const char* name, unsigned argc, char** argv)
{
    FILE* f = argc == 1 ? fopen(argv[0], "r") : NULL;
    int status = 2;
    (void)name;
    if (f == NULL || fscanf(f, "%d", &status) != 1)
        status = 2;
    if (status != 0)
        _exit(status);
    return NULL;
}

int exit_status_gmk_setup(void)
{
    gmk_add_function("exit-status", exit_status, 1, 1, GMK_FUNC_DEFAULT);
    return 1;
}
