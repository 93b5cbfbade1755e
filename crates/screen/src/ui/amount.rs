//! Amounts as people read them: durations, bytes and rates.

use std::time::Duration;

/// `0 s`, `59 s`, `1 m 05 s`, `2 h 03 m`: whole seconds, for what is still going on.
pub(super) fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} m {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} m", seconds / 3600, seconds / 60 % 60),
    }
}

/// `1.2 s`, `1 m 05 s`: for what has ended.
pub(super) fn took(seconds: f64) -> String {
    if seconds < 59.95 { format!("{seconds:.1} s") } else { duration(Duration::from_secs_f64(seconds.round())) }
}

/// The units of bytes, in powers of a thousand, as files and links are sold.
const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];

/// `0 B`, `999 B`, `1.2 kB`, `18.9 MB`.
pub(super) fn bytes(bytes: u64) -> String {
    let unit = unit_of(bytes);
    format!("{} {}", scaled(bytes, unit), UNITS[unit])
}

/// `12.3/18.9 MB`: both in the unit of the whole, so that the numbers can be compared.
pub(super) fn bytes_of(done: u64, total: u64) -> String {
    let unit = unit_of(total);
    format!("{}/{} {}", scaled(done, unit), scaled(total, unit), UNITS[unit])
}

/// `2.1 MB/s`
pub(super) fn rate(bytes_per_second: f64) -> String {
    // A rate that does not fit a u64 is no rate; the cast keeps to the range.
    format!("{}/s", bytes(bytes_per_second.round() as u64))
}

fn unit_of(bytes: u64) -> usize {
    let mut unit = 0;
    // 999 950 bytes would read as 1000.0 kB.
    let mut limit = 1000;
    while unit + 1 < UNITS.len() && bytes >= limit - limit / 20_000 {
        unit += 1;
        limit *= 1000;
    }
    unit
}

fn scaled(bytes: u64, unit: usize) -> String {
    match unit {
        0 => bytes.to_string(),
        _ => format!("{:.1}", bytes as f64 / 1000_f64.powi(i32::try_from(unit).unwrap_or_default())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_read_as_people_write_them() {
        assert_eq!(
            [0, 59, 60, 65, 3599, 3600, 7380].map(|seconds| duration(Duration::from_secs(seconds))),
            ["0 s", "59 s", "1 m 00 s", "1 m 05 s", "59 m 59 s", "1 h 00 m", "2 h 03 m"]
        );
        assert_eq!([0.04, 9.96, 59.9, 59.96, 125.0].map(took), ["0.0 s", "10.0 s", "59.9 s", "1 m 00 s", "2 m 05 s"]);
        assert_eq!(
            [0, 999, 1000, 1_250, 999_949, 999_951, 18_900_000, 5_000_000_000].map(bytes),
            ["0 B", "999 B", "1.0 kB", "1.2 kB", "999.9 kB", "1.0 MB", "18.9 MB", "5.0 GB"]
        );
        assert_eq!(bytes_of(400_000, 18_900_000), "0.4/18.9 MB");
        assert_eq!((rate(2_100_000.4), rate(f64::INFINITY).ends_with("TB/s")), ("2.1 MB/s".to_owned(), true));
    }
}
