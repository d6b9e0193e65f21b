/* Error messages on standard error, in the service's format. */

#include "nb_complaint.h"

#include "nb_system.h"

enum { STANDARD_ERROR = 2 };

static char text[4096];
static nb_output complaint = {.text = text, .room = sizeof(text)};

nb_output *nb_complaint(void)
{
    complaint.length = 0;
    nb_print(&complaint, "ERROR: ");
    return &complaint;
}

void nb_complain(const char *why, const char *fix)
{
    nb_print(&complaint, "\n  Why: %s\n  Fix: %s\n", why, fix);
    nb_write_to(STANDARD_ERROR, complaint.text, complaint.length);
}
