//! What a vendor's code means.

use greenroom_core::code::vendor::{Domain, Fault, Vendor};

use super::{Answer, CaseError, field::Fields};

/// `vendor`, `domain`, `code` → the row of the table, or `unknown`.
pub(super) fn code(fields: Fields<'_>) -> Result<Answer, CaseError> {
    let vendor = fields.word("vendor", "sparkrtc or agora", Vendor::named)?;
    let names: Vec<&str> = vendor.domains().map(Domain::name).collect();
    let expected = format!("a table of {}: {}", vendor.name(), names.join(", "));
    let domain = fields.word("domain", &expected, |name| vendor.domains().find(|domain| domain.name() == name))?;
    let text = fields.text_or_integer("code")?;
    let code = domain.parse(&text).map_err(|error| fields.wrong("code", error.expected()))?;
    let answer = Answer::default().with("code", code.to_string());
    let Some(entry) = code.entry() else { return Ok(answer.with("unknown", true)) };
    Ok(answer
        .with("symbol", entry.symbol)
        .with("message", entry.message)
        .with("meaning", entry.meaning)
        .with("kind", entry.kind.name())
        .with("retry", entry.retry.name())
        .with("fault", entry.fault.map(Fault::name))
        .with("internal_only", entry.internal_only)
        .with("advice", entry.advice()))
}
