//! Calls to other servers of the shop.

use std::time::Duration;

/// A client for calls that each take at most `wait`. A status from 400 on is an error, and no
/// redirection is followed: where a call goes, the operator has said.
pub fn agent(wait: Duration) -> ureq::Agent {
    ureq::Agent::config_builder().timeout_global(Some(wait)).max_redirects(0).build().into()
}
