//! Which group of countries hosts a room.

use greenroom_core::region::{Case, Country};

use super::{Answer, CaseError, field::Fields};

/// `country`, `lenient` (lower case is read as upper case) → `dr`, `name`, `routed_as`.
pub(super) fn region(fields: Fields<'_>) -> Result<Answer, CaseError> {
    let case = if fields.flag("lenient")? { Case::Lenient } else { Case::Strict };
    let country = fields.text("country")?;
    let country =
        Country::parse(country, case).map_err(|error| fields.wrong("country", format!("a country of the table: {error} (90000005)")))?;
    Ok(Answer::default().with("dr", country.group().name()).with("name", country.name()).with("routed_as", country.routed_as()))
}
