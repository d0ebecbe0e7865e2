/* SPDX-License-Identifier: Apache-2.0 */
/* `cube-oci monitor`. */
#ifndef CUBE_MAIN_OCI_MONITOR_H
#define CUBE_MAIN_OCI_MONITOR_H

/* Reads the job on fd 3, answers on fd 4, holds the container to its end. Returns the exit status. */
int oci_monitor_main(void);

#endif
