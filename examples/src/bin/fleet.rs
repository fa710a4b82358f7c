//! A DM server, a DM gateway and many devices manage each other over loopback, in one process.
