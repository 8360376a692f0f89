//! The report.

use super::Results;

/// One page.
pub fn html(_results: &Results) -> String {
    String::new()
}
