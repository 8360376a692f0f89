//! The tables of the code are those of `docs/tables`, row by row and to the digit.

use std::{collections::BTreeMap, path::Path};

use greenroom_core::{
    code::{
        agora, sparkrtc,
        vendor::{Domain, Entry, Fault, Level, Retry, Value, Vendor, VendorCode},
    },
    profile::{self, AudioProfile, Bitrate, VideoProfile},
    region::{Case, Country, Group},
};

type Row = BTreeMap<String, String>;

fn rows(table: &str) -> Vec<Row> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/tables").join(table);
    let mut reader = csv::Reader::from_path(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    reader.deserialize().map(|row| row.unwrap_or_else(|error| panic!("{table}: {error}"))).collect()
}

fn text(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

fn domain(vendor: &str, name: &str) -> Domain {
    let vendor = Vendor::named(vendor).unwrap_or_else(|| panic!("no vendor {vendor}"));
    vendor.domains().find(|domain| domain.name() == name).unwrap_or_else(|| panic!("no table {name}"))
}

fn numbers(entries: &[Entry], keep: impl Fn(&Entry) -> bool) -> Vec<u32> {
    let kept = entries.iter().filter(|entry| keep(entry));
    kept.filter_map(|entry| if let Value::Number(number) = entry.code.value { Some(number) } else { None }).collect()
}

fn known(codes: &[VendorCode<'_>]) -> bool {
    codes.iter().all(|code| code.entry().is_some())
}

#[test]
fn every_code_is_as_printed_and_none_is_added() {
    let rows = rows("errors.csv");
    for row in &rows {
        let domain = domain(&row["vendor"], &row["domain"]);
        let code = domain.parse(&row["code"]).unwrap_or_else(|error| panic!("{}: {error}", row["code"]));
        let entry = code.entry().unwrap_or_else(|| panic!("{} {code} is missing", domain.name()));
        let written = [
            code.to_string(),
            text(entry.symbol),
            text(entry.message),
            entry.meaning.to_owned(),
            text(entry.fault.map(Fault::name)),
            if entry.internal_only { "yes" } else { "no" }.to_owned(),
        ];
        assert_eq!(written, ["code", "symbol", "message", "meaning", "fault", "internal_only"].map(|column| row[column].clone()));
    }
    assert_eq!(rows.len(), Domain::ALL.iter().map(|domain| domain.entries().len()).sum::<usize>());
}

//
#[test]
fn the_tables_have_as_many_rows_as_the_documents_and_gaps_stay_gaps() {
    let counts = [Domain::Error, Domain::Warning, Domain::Client, Domain::Server, Domain::LeaveReason].map(|domain| domain.entries().len());
    assert_eq!(counts, [46, 12, 43, 42, 11]);
    for (domain, gaps) in [
        (Domain::Client, &[90_000_002, 90_000_003, 90_100_025, 34_000_001][..]),
        (Domain::Server, &[31_000_002, 32_000_003, 32_000_014, 32_000_031, 34_000_005, 0]),
        (Domain::Error, &[21, 100, 103, 108, 1014, 1024, 1500]),
        (Domain::Warning, &[0, 19, 101, 1015]),
        (Domain::LeaveReason, &[11]),
    ] {
        for &gap in gaps {
            assert_eq!(domain.number(gap).entry(), None, "{} {gap}", domain.name());
        }
    }
}

//
#[test]
fn one_number_in_two_tables_and_one_symbol_in_two_rows_stay_apart() {
    let symbol = |domain: Domain, number| domain.number(number).entry().and_then(|entry| entry.symbol);
    assert_eq!(symbol(Domain::Error, 20), Some("ERR_ALREADY_IN_USE"));
    assert_eq!(symbol(Domain::Warning, 20), Some("WARN_PENDING"));
    let found = |symbol| Vendor::Agora.with_symbol(symbol).map(|entry| entry.code).collect::<Vec<_>>();
    assert_eq!(found("ERR_ALREADY_IN_USE"), [agora::error::ALREADY_IN_USE, agora::error::ABORTED]);
    assert_eq!(found("ERR_ABORTED"), [agora::error::ABORTED]);
    assert_eq!(found("CLOSE_BEFORE_OPEN"), [agora::reason::CLOSE_BEFORE_OPEN]);
    assert_eq!(found("RTC_ERR_CODE_SUCCESS"), [], "that is another vendor's");
    let spelled = |symbol| Vendor::SparkRtc.with_symbol(symbol).map(|entry| entry.code).collect::<Vec<_>>();
    assert_eq!(spelled("RTC_ERR_CODE_WEBSOCKET_INTERRUPTED"), [sparkrtc::client::WEB_SOCKET_INTERRUPTED]);
    assert_eq!(spelled("RTC_ERR_CODE_WEBRTC_WECHAT_UNSUPPORTED"), [sparkrtc::client::WEB_RTC_WECHAT_UNSUPPORTED]);
    assert_eq!(spelled("RTC_ERR_CODE_SIGNATURE_EXPIRED").len(), 2, "the SDK's code, and what its event says");
}

/// Which codes are meant to stay inside. That no machine lets one out is for whoever renders a vendor's events to show.
#[test]
fn codes_that_stay_inside_are_marked() {
    let marked = |domain: Domain| numbers(domain.entries(), |entry| entry.internal_only);
    assert_eq!(marked(Domain::Error), [5, 9, 11, 12, 13, 14, 15, 20]);
    assert_eq!(marked(Domain::LeaveReason), [8]);
    let elsewhere = Domain::ALL.iter().filter(|domain| !matches!(domain, Domain::Error | Domain::LeaveReason));
    assert!(elsewhere.flat_map(|domain| domain.entries()).all(|entry| !entry.internal_only));
}

//
#[test]
fn the_sdk_s_own_faults_have_a_code_and_success_is_nought() {
    assert_eq!(sparkrtc::client::RTC_SDK_ERROR, Domain::Client.number(90_000_001));
    assert_eq!(agora::error::FAILED, Domain::Error.number(1));
    for domain in [Domain::Client, Domain::Server, Domain::Error] {
        let well = numbers(domain.entries(), |entry| entry.kind.name() == "ok");
        assert_eq!(well, if domain == Domain::Server { vec![] } else { vec![0] });
    }
}

//
#[test]
fn what_the_user_is_at_fault_for_can_be_cured() {
    let user = numbers(sparkrtc_server(), |entry| entry.fault.is_some_and(|fault| fault.name() == "user"));
    assert_eq!(user, [31_000_004, 31_000_005, 31_000_006, 32_000_032, 32_000_033, 34_000_001, 34_000_006, 34_000_007]);
}

fn sparkrtc_server() -> &'static [Entry] {
    Domain::Server.entries()
}

//
#[test]
fn both_hints_to_retry_are_hints_to_retry() {
    for code in [sparkrtc::server::RETRY, sparkrtc::server::TRY_LATER] {
        assert_eq!(code.entry().map(|entry| entry.retry), Some(Retry::Backoff), "{code}");
    }
}

// R-247 R-248 R-249
#[test]
fn faults_of_nodes_of_room_control_and_of_parameters_can_be_named() {
    use sparkrtc::server::{
        ADAPTER_NOT_ADDED, AUDIO_RATE_INVALID, CALL_EXCEPTION_32_15, CALL_EXCEPTION_32_16, CALL_EXCEPTION_32_24, CALL_EXCEPTION_32_25,
        CALL_EXCEPTION_34, INTERNAL_EXCEPTION, INTERNAL_FAULT, NODE_MISSING_31, NODE_MISSING_33, OPERATION_UNSUPPORTED, PARAMETER_INVALID,
        RESOURCE_MISSING, ROUTE_NOT_ADDED, SERVICE_EXCEPTION_32, SERVICE_EXCEPTION_33, SFU_ADDRESS_UNKNOWN, SITE_MISSING_32,
        SITE_MISSING_34, STREAM_INFO_NOT_SENT, USER_INFO_UNREADABLE,
    };
    assert!(known(&[INTERNAL_FAULT, NODE_MISSING_31, INTERNAL_EXCEPTION, RESOURCE_MISSING, SERVICE_EXCEPTION_33, NODE_MISSING_33]));
    assert!(known(&[SERVICE_EXCEPTION_32, STREAM_INFO_NOT_SENT, ADAPTER_NOT_ADDED, ROUTE_NOT_ADDED, USER_INFO_UNREADABLE]));
    assert!(known(&[CALL_EXCEPTION_32_15, CALL_EXCEPTION_32_16, SITE_MISSING_32, SFU_ADDRESS_UNKNOWN, CALL_EXCEPTION_32_24]));
    assert!(known(&[CALL_EXCEPTION_32_25, SITE_MISSING_34, CALL_EXCEPTION_34]));
    let parameters = [AUDIO_RATE_INVALID, PARAMETER_INVALID, OPERATION_UNSUPPORTED];
    assert_eq!(parameters.map(|code| code.to_string()), ["RTC.32000011", "RTC.32000013", "RTC.32000028"]);
}

//
#[test]
fn three_services_share_a_message_and_not_a_symbol() {
    let three = [sparkrtc::client::RTC_ACS, sparkrtc::client::RTC_CONTROL_ERROR, sparkrtc::client::SFU_ERROR];
    let entries = three.map(|code| code.entry().expect("it is in the table"));
    assert!(entries.iter().all(|entry| entry.message == Some("server internal exception")));
    let symbols = entries.map(|entry| entry.symbol.expect("it is printed"));
    assert_eq!(symbols, ["RTC_ERR_CODE_RTC_ACS", "RTC_ERR_CODE_RTC_CONTROL_ERROR", "RTC_ERR_CODE_SFU_ERROR"]);
}

//
#[test]
fn a_client_code_is_a_number_with_a_message_and_a_text_in_events() {
    for entry in Domain::Client.entries() {
        let Value::Number(number) = entry.code.value else { panic!("{} is no number", entry.code) };
        assert!(entry.message.is_some_and(|message| !message.is_empty()), "{number}");
        assert_eq!(entry.code.to_string(), number.to_string());
    }
}

//
#[test]
fn an_error_asks_for_action_and_a_warning_does_not() {
    assert_eq!((agora::error::ABORTED.domain.level(), agora::warning::PENDING.domain.level()), (Level::Error, Level::Warning));
}

//
#[test]
fn too_small_a_buffer_is_6_and_a_taken_resource_19() {
    assert_eq!(agora::error::BUFFER_TOO_SMALL, Domain::Error.number(6));
    assert_eq!(agora::error::ALREADY_IN_USE, Domain::Error.number(19));
}

//
#[test]
fn every_country_is_in_the_group_printed_for_it() {
    let rows = rows("regions.csv");
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for row in &rows {
        let (code, routed) = row["code"].split_once("->").unwrap_or((&row["code"], &row["code"]));
        let country = Country::parse(code, Case::Strict).unwrap_or_else(|error| panic!("{code}: {error}"));
        assert_eq!((country.code(), country.routed_as()), (code, routed));
        assert_eq!((country.group().name(), country.printed_name()), (row["dr"].as_str(), row["country"].as_str()), "{code}");
        *counts.entry(country.group().name()).or_default() += 1;
    }
    assert_eq!(Vec::from_iter(counts), [("DR1", 1), ("DR2", 181), ("DR3", 65)]);
    assert_eq!((rows.len(), Country::all().count()), (247, 247));
    assert_eq!(Country::parse("HK", Case::Strict).map(Country::group), Ok(Group::Dr2), "with Singapore, not with China");
}

// R-121 R-124
#[test]
fn every_video_profile_is_as_printed_and_none_is_added() {
    let rows = rows("video_profiles.csv");
    let kbps = |bps: u32| (bps / 1000).to_string();
    let mut seen = Vec::new();
    for row in &rows {
        let name = row["name"].as_str();
        let (table, default): (&[VideoProfile], _) = match (row["vendor"].as_str(), row["kind"].as_str()) {
            ("sparkrtc", "camera") => (profile::sparkrtc::CAMERAS, Some(profile::sparkrtc::CAMERA_DEFAULT)),
            ("sparkrtc", "screen") => (profile::sparkrtc::SCREENS, Some(profile::sparkrtc::SCREEN_DEFAULT)),
            ("agora", "camera") => (profile::agora::CAMERAS, None),
            other => panic!("no table for {other:?}"),
        };
        let profile = table.iter().find(|profile| profile.name == name).unwrap_or_else(|| panic!("{name} is missing"));
        let (min, max, single) = match profile.bitrate {
            Bitrate::Between { min_bps, max_bps } => (kbps(min_bps), kbps(max_bps), String::new()),
            Bitrate::Single { bps } => (String::new(), String::new(), kbps(bps)),
            Bitrate::NotSaid => Default::default(),
        };
        let is_default = default.map(|default| if default == *profile { "yes" } else { "no" });
        let size = [profile.width_px.to_string(), profile.height_px.to_string(), profile.fps.to_string()];
        let written: Vec<String> = [text(profile.number)].into_iter().chain(size).chain([min, max, single, text(is_default)]).collect();
        let columns = ["enum_value", "width", "height", "fps", "min_kbps", "max_kbps", "kbps", "is_default"];
        assert_eq!(written, columns.map(|column| row[column].clone()), "{name}");
        seen.push(*profile);
    }
    let tables = [profile::sparkrtc::CAMERAS, profile::sparkrtc::SCREENS, profile::agora::CAMERAS];
    assert_eq!(seen, tables.concat(), "and in that order");
}

// R-121 R-122
#[test]
fn every_audio_profile_is_as_printed_and_none_is_added() {
    let rows = rows("audio_profiles.csv");
    for (row, profile) in rows.iter().zip(profile::sparkrtc::AUDIOS) {
        let AudioProfile { name, sample_rate_hz, channels, bps } = *profile;
        let is_default = if *profile == profile::sparkrtc::AUDIO_DEFAULT { "yes" } else { "no" };
        let written = [name.to_owned(), sample_rate_hz.to_string(), channels.to_string(), bps.to_string(), is_default.to_owned()];
        assert_eq!(written, ["name", "sample_rate_hz", "channels", "bps", "is_default"].map(|column| row[column].clone()));
        assert_eq!((row["sample_rate_khz"].clone() + "000", row["kbps"].clone() + "000"), (sample_rate_hz.to_string(), bps.to_string()));
    }
    assert_eq!(rows.len(), profile::sparkrtc::AUDIOS.len());
}
