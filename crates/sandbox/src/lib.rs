//! Identity providers to develop, test, benchmark and try Rollcall against: real HTTP on
//! loopback, faults on demand. Nothing here is fit for production.

pub mod onelogin;
