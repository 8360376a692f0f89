//! Where a room is hosted: from the country an application names to one of three groups of countries.
//!
//! The table is SparkRTC's (Web SDK reference 5.1): 247 countries, each in one group, whose rooms live in one place. It is a table of a service, not of geography: Canada is with
//! Europe, Hong Kong is not with China, and Russia is nowhere. A country that is not in it is refused, because a guess would put people's media where nobody meant it to be.
//!
//! Two rows are printed with an arrow, `XK->YK` (Kosovo) and `BQ->AN` (Netherlands Antilles): an application may name either, and the service is told the second (R-259).
//!
//! ```
//! use greenroom_core::region::{Case, Country, Group};
//!
//! assert_eq!(Country::parse("SG", Case::Strict)?.group(), Group::Dr2);
//! assert_eq!(Country::parse("sg", Case::Lenient)?.name(), "Singapore");
//! let refused = Country::parse("RU", Case::Strict).expect_err("it is not in the table");
//! assert_eq!(refused.to_string(), "the country is in none of the groups DR1, DR2, DR3");
//! # Ok::<(), greenroom_core::region::NoCountry>(())
//! ```

use core::fmt;

/// A country of the table: one of 247.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Country(u8);

/// Countries whose rooms are hosted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// China.
    Dr1,
    /// Asia, Africa, Latin America; hosted in Singapore.
    Dr2,
    /// Europe, and what the table counts with it; hosted in Germany.
    Dr3,
}

/// What is made of lower-case letters. The documents do not say, so whoever embeds this does (R-261).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Case {
    /// They are refused.
    Strict,
    /// They count as capitals.
    Lenient,
}

/// Why a text names no country of the table. A client is told 90000005 then, before any join (R-260).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum NoCountry {
    /// It does not consist of two letters from A to Z.
    #[error("a country is two letters from A to Z, as in ISO 3166-1 alpha-2")]
    NotTwoLetters,
    /// It has lower-case letters, and they were not to be read as capitals.
    #[error("a country is two capital letters; lower-case ones are refused")]
    LowerCase,
    /// The table does not have it.
    #[error("the country is in none of the groups DR1, DR2, DR3")]
    NotInTable,
}

impl Country {
    /// Reads a country's two letters.
    pub fn parse(text: &str, case: Case) -> Result<Self, NoCountry> {
        let &[first, second] = text.as_bytes() else { return Err(NoCountry::NotTwoLetters) };
        if !first.is_ascii_alphabetic() || !second.is_ascii_alphabetic() {
            return Err(NoCountry::NotTwoLetters);
        }
        if case == Case::Strict && (first.is_ascii_lowercase() || second.is_ascii_lowercase()) {
            return Err(NoCountry::LowerCase);
        }
        // One after the other: this is asked once for a client, and there are few.
        let is_meant = |country: &Self| text.eq_ignore_ascii_case(country.code()) || text.eq_ignore_ascii_case(country.routed_as());
        Self::all().find(is_meant).ok_or(NoCountry::NotInTable)
    }

    /// Every country, by its letters.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..=u8::MAX).take(ROWS.len()).map(Self)
    }

    /// The group that hosts its rooms.
    pub fn group(self) -> Group {
        self.row().group
    }

    /// Its two letters: of an arrow, those before it.
    pub fn code(self) -> &'static str {
        self.row().code
    }

    /// The two letters that the service is told: of an arrow, those after it.
    pub fn routed_as(self) -> &'static str {
        let row = self.row();
        row.routed.unwrap_or(row.code)
    }

    /// Its name, where the printed one is garbled put right.
    pub fn name(self) -> &'static str {
        let row = self.row();
        row.plain.unwrap_or(row.printed)
    }

    /// Its name as printed.
    pub fn printed_name(self) -> &'static str {
        self.row().printed
    }

    fn row(self) -> &'static Row {
        &ROWS[usize::from(self.0)]
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.code(), self.name())
    }
}

impl Group {
    /// The group of a country that may be left out: then the default, which only a configuration can know (R-260).
    pub fn of(country: Option<&str>, case: Case, default: Self) -> Result<Self, NoCountry> {
        country.map_or(Ok(default), |text| Country::parse(text, case).map(Country::group))
    }

    /// As printed: `DR1`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dr1 => "DR1",
            Self::Dr2 => "DR2",
            Self::Dr3 => "DR3",
        }
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

struct Row {
    code: &'static str,
    /// What stands behind the arrow.
    routed: Option<&'static str>,
    group: Group,
    printed: &'static str,
    /// The name, where the printed one is garbled.
    plain: Option<&'static str>,
}

macro_rules! countries {
    ($($code:ident $group:ident $printed:literal $(also $routed:ident)? $(plainly $plain:literal)?;)+) => {
        const ROWS: &[Row] = &[$(Row {
            code: stringify!($code),
            routed: [$(Some(stringify!($routed)),)? None][0],
            group: Group::$group,
            printed: $printed,
            plain: [$(Some($plain),)? None][0],
        },)+];
    };
}

countries! {
    AD Dr3 "Andorra";
    AE Dr2 "The United Arab Emirates";
    AF Dr2 "Afghanistan";
    AG Dr2 "Antigua And Barbuda";
    AI Dr2 "Anguilla";
    AL Dr3 "Albania";
    AM Dr2 "Armenia";
    AO Dr2 "Angola";
    AQ Dr2 "Antarctica";
    AR Dr2 "Argentina";
    AS Dr2 "American Samoa";
    AT Dr3 "Austria";
    AU Dr3 "Australia";
    AW Dr2 "Aruba";
    AX Dr3 "Aland Islands";
    AZ Dr2 "Azerbaijan";
    BA Dr3 "Bosnia and Herzegovina";
    BB Dr2 "Barbados";
    BD Dr2 "Bengal" plainly "Bangladesh";
    BE Dr3 "Belgium";
    BF Dr2 "Burkina Faso";
    BG Dr3 "Bulgaria";
    BH Dr2 "Bahrain";
    BI Dr2 "Burundi";
    BJ Dr2 "Benin";
    BL Dr2 "Saint Barthélemy";
    BM Dr2 "Bermuda";
    BN Dr2 "Brunei Darussalam";
    BO Dr2 "Bolivia";
    BQ Dr3 "Netherlands Antilles" also AN;
    BR Dr2 "Brazil";
    BS Dr2 "The Bahamas";
    BT Dr2 "Bhutan";
    BV Dr2 "Bouvet Island";
    BW Dr2 "Botswana";
    BZ Dr2 "Belize";
    CA Dr3 "Canada";
    CC Dr2 "Cocos (Keeling) Islands";
    CD Dr2 "Congo (Democratic Republic of the)";
    CF Dr2 "Central African Republic";
    CG Dr2 "Congo";
    CH Dr3 "SWITZERLAND" plainly "Switzerland";
    CI Dr2 "Côte d'Ivoire";
    CK Dr2 "Cook Islands";
    CL Dr2 "Chile";
    CM Dr2 "Cameroon";
    CN Dr1 "China";
    CO Dr2 "Colombia";
    CR Dr2 "Costa Rica";
    CU Dr2 "Cuba";
    CV Dr2 "Cabo Verde";
    CW Dr3 "Curaçao";
    CX Dr2 "Christmas Island";
    CY Dr3 "Cyprus";
    CZ Dr3 "Czech Republic";
    DE Dr3 "Germany";
    DJ Dr2 "Djibouti";
    DK Dr3 "Denmark";
    DM Dr2 "Dominica";
    DO Dr2 "Dominican Republic";
    DZ Dr2 "Algeria";
    EC Dr2 "Ecuador";
    EE Dr3 "Estonia";
    EG Dr2 "Egypt";
    EH Dr2 "Western Sahara";
    ER Dr2 "Eritrea";
    ES Dr3 "Spain";
    ET Dr2 "Ethiopia";
    FI Dr3 "Finland";
    FJ Dr2 "Fiji";
    FK Dr2 "Falkland Islands";
    FM Dr2 "Micronesia (Federated States of)";
    FO Dr3 "Faroe Islands";
    FR Dr3 "France";
    GA Dr2 "Gabon";
    GB Dr3 "United Kingdom of Great Britain and Northern Ireland";
    GD Dr2 "Grenada";
    GE Dr2 "Georgia";
    GF Dr2 "French Guiana";
    GG Dr3 "Guernsey";
    GH Dr2 "Ghana";
    GI Dr3 "Gibraltar";
    GL Dr3 "Greenland";
    GM Dr2 "Gambia";
    GN Dr2 "Guinea";
    GP Dr2 "Guadeloupe";
    GQ Dr2 "Equatorial Guinea";
    GR Dr3 "Greece";
    GS Dr2 "South Georgia and the South Sandwich Islands";
    GT Dr2 "Guatemala";
    GU Dr2 "Guam";
    GW Dr2 "Guinea-Bissau";
    GY Dr2 "Guyana";
    HK Dr2 "Hong Kong";
    HM Dr2 "Heard Island and McDonald Islands";
    HN Dr2 "Honduras";
    HR Dr3 "Croatia";
    HT Dr2 "Haiti";
    HU Dr3 "Hungary";
    ID Dr2 "Indonesia";
    IE Dr3 "Ireland";
    IL Dr3 "Israel";
    IM Dr3 "Isle of Man";
    IN Dr2 "India";
    IO Dr2 "British Indian Ocean Territory";
    IQ Dr2 "Iraq";
    IS Dr3 "Iceland";
    IT Dr3 "Italy";
    JE Dr3 "Jersey";
    JM Dr2 "Jamaica";
    JO Dr2 "Jordan";
    JP Dr2 "Japan";
    KE Dr2 "Kenya";
    KG Dr2 "Kyrgyzstan";
    KH Dr2 "Cambodia";
    KI Dr2 "Kiribati";
    KM Dr2 "Comoros";
    KN Dr2 "Saint Kitts and Nevis";
    KP Dr2 "North Korea";
    KR Dr2 "Korea (Republic of)";
    KW Dr2 "Kuwait";
    KY Dr2 "Cayman Islands";
    KZ Dr2 "Kazakhstan";
    LA Dr2 "Laos";
    LB Dr2 "Lebanon";
    LC Dr2 "Saint Lucia";
    LI Dr3 "Liechtenstein";
    LK Dr2 "Sri Lanka";
    LR Dr2 "Liberia";
    LS Dr2 "Lesotho";
    LT Dr3 "Lithuania";
    LU Dr3 "Luxembourg";
    LV Dr3 "Latvia";
    LY Dr2 "Libya";
    MA Dr2 "Morocco";
    MC Dr3 "Monaco";
    MD Dr3 "Moldova";
    ME Dr3 "Montenegro";
    MF Dr3 "Saint Martin (French part)";
    MG Dr2 "Madagascar";
    MH Dr2 "Marshall islands" plainly "Marshall Islands";
    MK Dr3 "Macedonia (the former Yugoslav Republic of)";
    ML Dr2 "Mali";
    MM Dr2 "Myanmar";
    MN Dr2 "Mongolia";
    MO Dr2 "Macao";
    MP Dr2 "Northern Mariana Islands";
    MQ Dr2 "Martinique";
    MR Dr2 "Mauritania";
    MS Dr2 "Montserrat";
    MT Dr3 "Malta";
    MU Dr2 "Mauritius";
    MV Dr2 "Maldives";
    MW Dr2 "Malawi";
    MX Dr2 "Mexico";
    MY Dr2 "Malaysia";
    MZ Dr2 "Mozambique";
    NA Dr2 "Namibia";
    NC Dr2 "New Caledonia";
    NE Dr2 "Niger";
    NF Dr2 "Norfolk Island";
    NG Dr2 "Nigeria";
    NI Dr2 "Nicaragua";
    NL Dr3 "Netherlands";
    NO Dr3 "Norway";
    NP Dr2 "Nepal";
    NR Dr2 "Nauru";
    NU Dr2 "Niue";
    NZ Dr3 "New Zealand";
    OM Dr2 "Oman";
    PA Dr2 "Panama";
    PE Dr2 "Peru";
    PF Dr2 "French Polynesia";
    PG Dr2 "Papua New Guinea";
    PH Dr2 "Philippines";
    PK Dr2 "Pakistan";
    PL Dr3 "Poland";
    PM Dr3 "Saint Pierre and Miquelon";
    PN Dr2 "Pitcairn";
    PR Dr2 "Puerto Rico";
    PS Dr2 "Palestine, State of";
    PT Dr3 "Portugal";
    PW Dr2 "Palau";
    PY Dr2 "Paraguay";
    QA Dr2 "Qatar";
    RE Dr2 "Reunion !Réunion" plainly "Réunion";
    RO Dr3 "Romania";
    RS Dr3 "Serbia";
    RW Dr2 "Rwanda";
    SA Dr2 "Saudi Arabia";
    SB Dr2 "Solomon Islands";
    SC Dr2 "Seychelles";
    SD Dr2 "Sudan";
    SE Dr3 "Sweden";
    SG Dr2 "Singapore";
    SH Dr2 "Saint Helena, Ascension and Tristan da Cunha";
    SI Dr3 "Slovenia";
    SJ Dr3 "SJMSvalbard" plainly "Svalbard and Jan Mayen";
    SK Dr3 "Slovakia";
    SL Dr2 "Sierra Leone";
    SM Dr3 "San Marino";
    SN Dr2 "Senegal";
    SO Dr2 "Somalia";
    SR Dr2 "Suriname";
    SS Dr2 "South Sudan";
    ST Dr2 "Sao Tome and Principe";
    SV Dr2 "El Salvador";
    SX Dr3 "Sint Maarten (Dutch part)";
    SY Dr2 "Syria";
    SZ Dr2 "Swaziland";
    TC Dr2 "Turks and Caicos Islands";
    TD Dr2 "Chad";
    TF Dr2 "French Southern Territories";
    TG Dr2 "Togo";
    TH Dr2 "Thailand";
    TJ Dr2 "Tajikistan";
    TK Dr2 "Tokelau";
    TL Dr2 "Timor-Leste";
    TM Dr2 "Turkmenistan";
    TN Dr2 "Tunisia";
    TO Dr2 "Tonga";
    TR Dr3 "Türkiye";
    TT Dr2 "Trinidad and Tobago";
    TV Dr2 "Tuvalu";
    TW Dr2 "Taiwan, Province of China";
    TZ Dr2 "Tanzania, United Republic of";
    UA Dr3 "Ukraine";
    UG Dr2 "Uganda";
    UM Dr3 "United States Minor Outlying Islands";
    US Dr3 "America" plainly "United States of America";
    UY Dr2 "Uruguay";
    UZ Dr2 "Uzbekistan";
    VA Dr3 "Holy See";
    VC Dr3 "Saint Vincent and the Grenadines";
    VE Dr2 "Venezuela (Bolivarian Republic of)";
    VG Dr2 "Virgin Islands, British";
    VI Dr2 "Virgin Islands, U.S.";
    VN Dr2 "Vietnam";
    VU Dr2 "Vanuatu";
    WF Dr2 "Wallis and Futuna";
    WS Dr2 "Samoa";
    XK Dr3 "Kosovo" also YK;
    YE Dr2 "Yemen";
    YT Dr2 "Mayotte";
    ZA Dr2 "South Africa";
    ZM Dr2 "Zambia";
    ZW Dr2 "Zimbabwe";
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    fn group(text: &str) -> Result<Group, NoCountry> {
        Country::parse(text, Case::Strict).map(Country::group)
    }

    // R-259
    #[test]
    fn either_end_of_an_arrow_names_the_country() {
        for (name, before, after) in [("Kosovo", "XK", "YK"), ("Netherlands Antilles", "BQ", "AN")] {
            for text in [before, after] {
                let country = Country::parse(text, Case::Strict).expect("both are accepted");
                assert_eq!((country.name(), country.code(), country.routed_as()), (name, before, after));
                assert_eq!(country.group(), Group::Dr3);
            }
        }
        assert_eq!(Country::parse("SG", Case::Strict).map(Country::routed_as), Ok("SG"));
    }

    // R-260
    #[test]
    fn what_is_not_in_the_table_is_refused_and_nothing_given_is_the_default() {
        for text in ["RU", "BY", "IR", "ZZ", "EU", "UK"] {
            assert_eq!(group(text), Err(NoCountry::NotInTable), "{text}");
        }
        for text in ["", "C", "CHN", "C1", "C ", "Ü", "中", "XK->YK"] {
            assert_eq!(group(text), Err(NoCountry::NotTwoLetters), "{text}");
        }
        assert_eq!(Group::of(None, Case::Strict, Group::Dr3), Ok(Group::Dr3));
        assert_eq!(Group::of(Some("CN"), Case::Strict, Group::Dr3), Ok(Group::Dr1));
        assert_eq!(Group::of(Some("RU"), Case::Strict, Group::Dr3), Err(NoCountry::NotInTable), "a wrong country is not none");
    }

    // R-261
    #[test]
    fn lower_case_is_refused_or_raised() {
        for text in ["de", "dE", "De"] {
            assert_eq!(group(text), Err(NoCountry::LowerCase));
            assert_eq!(Country::parse(text, Case::Lenient).map(|country| country.to_string()).as_deref(), Ok("DE"));
        }
        assert_eq!(Country::parse("yk", Case::Lenient).map(Country::code), Ok("XK"));
        assert_eq!(Country::parse("ru", Case::Lenient), Err(NoCountry::NotInTable));
    }

    #[test]
    fn rows_are_in_order_and_found_where_they_stand() {
        assert!(ROWS.windows(2).all(|pair| pair[0].code < pair[1].code));
        assert_eq!(Country::all().count(), ROWS.len(), "a byte counts them all");
        assert!(ROWS.iter().all(|row| row.code.len() == 2 && row.routed.is_none_or(|code| code.len() == 2)));
        for country in Country::all() {
            assert_eq!(Country::parse(country.code(), Case::Strict), Ok(country));
            assert_eq!(Country::parse(country.routed_as(), Case::Strict), Ok(country));
        }
    }
}
