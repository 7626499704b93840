//! The commerce rules, run alike on client and server.
