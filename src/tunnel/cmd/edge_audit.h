/* tunnel edge audit: what was changed through the management API. */
#ifndef CMD_EDGE_AUDIT_H
#define CMD_EDGE_AUDIT_H

/* argv is what follows "audit". The exit status. */
int edge_audit(int argc, char **argv);

#endif
