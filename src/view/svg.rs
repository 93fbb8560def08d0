//! The timeline as a picture: a lane for each GPU, a colour for each step, what failed hatched.

use std::fmt::Write;

use super::{Timeline, Went, between};
use crate::base::Span;

const LEFT: f64 = 150.0;
const WIDTH: f64 = 960.0;
const RIGHT: f64 = 70.0;
const TOP: f64 = 64.0;
const LANE: f64 = 16.0;
const GAP: f64 = 3.0;
/// Lanes of work without GPUs that are drawn for one host.
const PLAIN_MAX: usize = 8;
/// Colours that are told apart on white, also by most who see fewer colours.
const COLOURS: [&str; 10] =
    ["#4269d0", "#efb118", "#3ca951", "#ff725c", "#6cc5b0", "#a463f2", "#97bbf5", "#9c6b4e", "#ff8ab7", "#9498a0"];

/// The picture, complete in itself.
pub fn svg(title: &str, timeline: &Timeline) -> String {
    let mut steps: Vec<(&str, f64)> = Vec::new();
    for it in timeline.lanes.iter().flat_map(|lane| &lane.stretches) {
        let hours = between(it.from, it.to).hours();
        match steps.iter_mut().find(|(step, _)| *step == it.step) {
            Some((_, sum)) => *sum += hours,
            None => steps.push((&it.step, hours)),
        }
    }
    // The longest steps get the colours; the rest shares the last one.
    steps.sort_by(|a, b| b.1.total_cmp(&a.1));
    let colour = |step: &str| {
        let at = steps.iter().position(|(found, _)| *found == step).unwrap_or(COLOURS.len());
        COLOURS[at.min(COLOURS.len() - 1)]
    };
    let whole = between(timeline.from, timeline.to);
    let scale = WIDTH / (whole.millis().max(1) as f64);
    let x = |at: jiff::Timestamp| LEFT + between(timeline.from, at).millis() as f64 * scale;

    let mut body = String::new();
    let mut y = TOP;
    let mut host_before = None;
    let mut plain = 0;
    let mut left_out = 0;
    for lane in &timeline.lanes {
        let block = (&lane.host, lane.gpu.is_some());
        if host_before != Some(block) {
            plain = 0;
            y += if host_before.is_some() { 10.0 } else { 0.0 };
            host_before = Some(block);
        }
        plain += usize::from(lane.gpu.is_none());
        if plain > PLAIN_MAX {
            left_out += 1;
            continue;
        }
        let label = match (&lane.gpu, &lane.kind) {
            (Some(gpu), Some(kind)) => format!("{} · {gpu} {kind}", lane.host),
            (Some(gpu), None) => format!("{} · {gpu}", lane.host),
            (None, _) => format!("{} · no GPU", lane.host),
        };
        let middle = y + LANE / 2.0 + 4.0;
        let _ = writeln!(body, r#"<text x="{}" y="{middle:.1}" class="lane">{}</text>"#, LEFT - 8.0, text(&label, 22));
        let _ = writeln!(body, r##"<rect x="{LEFT}" y="{y:.1}" width="{WIDTH}" height="{LANE}" fill="#f1f3f5"/>"##);
        for it in &lane.stretches {
            let (from, to) = (x(it.from), x(it.to));
            let width = (to - from).max(0.6);
            let fill = colour(&it.step);
            let length = between(it.from, it.to);
            let told = format!("{} · attempt {} · {} · {}", it.node, it.attempt, length, words(it.went));
            let _ = write!(
                body,
                r##"<g><title>{}</title><rect x="{from:.1}" y="{y:.1}" width="{width:.1}" height="{LANE}" fill="{fill}" stroke="#fff" stroke-width="0.6"/>"##,
                escaped(&told)
            );
            if it.went == Went::Failed {
                let _ = write!(
                    body,
                    r#"<rect x="{from:.1}" y="{y:.1}" width="{width:.1}" height="{LANE}" fill="url(#failed)"/>"#
                );
            }
            let room = (width / 6.2) as usize;
            if room >= 5 {
                let _ = write!(
                    body,
                    r#"<text x="{:.1}" y="{middle:.1}" class="node">{}</text>"#,
                    from + 4.0,
                    text(&it.node, room - 1)
                );
            }
            body.push_str("</g>\n");
        }
        if lane.gpu.is_some() {
            let _ = writeln!(
                body,
                r#"<text x="{:.1}" y="{middle:.1}" class="busy">{:.0} %</text>"#,
                LEFT + WIDTH + 8.0,
                100.0 * lane.busy
            );
        }
        y += LANE + GAP;
    }
    let bottom = y;
    let mut axis = String::new();
    let step = tick(whole);
    let mut at = 0;
    while at <= whole.millis() {
        let x = LEFT + at as f64 * scale;
        let label = Span::from_millis(at).map_or_else(String::new, |span| span.to_string());
        let _ = writeln!(
            axis,
            r##"<line x1="{x:.1}" y1="{:.1}" x2="{x:.1}" y2="{bottom:.1}" stroke="#ced4da" stroke-width="0.7"/><text x="{x:.1}" y="{:.1}" class="tick">{label}</text>"##,
            TOP - 6.0,
            TOP - 12.0
        );
        at += step;
    }
    let mut legend = String::new();
    let (mut lx, mut ly) = (LEFT, bottom + 22.0);
    for (i, (step, _)) in steps.iter().enumerate() {
        let last = i + 1 == COLOURS.len() && steps.len() > COLOURS.len();
        let label = if last { format!("{} others", steps.len() - i) } else { (*step).to_owned() };
        let width = 22.0 + 6.4 * label.chars().count().min(48) as f64;
        if lx + width > LEFT + WIDTH {
            (lx, ly) = (LEFT, ly + 18.0);
        }
        let fill = COLOURS[i.min(COLOURS.len() - 1)];
        let _ = writeln!(
            legend,
            r#"<rect x="{lx:.1}" y="{:.1}" width="11" height="11" fill="{fill}"/><text x="{:.1}" y="{ly:.1}" class="legend">{}</text>"#,
            ly - 9.5,
            lx + 16.0,
            text(&label, 48)
        );
        lx += width + 8.0;
        if last {
            break;
        }
    }
    if left_out > 0 {
        ly += 18.0;
        let _ = writeln!(
            legend,
            r#"<text x="{LEFT}" y="{ly:.1}" class="legend">{left_out} more lanes of work without GPUs are not drawn</text>"#
        );
    }
    let (width, height) = (LEFT + WIDTH + RIGHT, ly + 20.0);
    let told = format!("{whole} · {:.1} GPU-hours · GPUs busy {:.0} %", timeline.gpu_hours, 100.0 * timeline.busy);
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height:.0}" viewBox="0 0 {width} {height:.0}" role="img">
<title>{title}</title>
<style>text{{font-family:ui-sans-serif,system-ui,Helvetica,Arial,sans-serif;fill:#212529}}.h{{font-size:15px;font-weight:600}}.s{{font-size:12px;fill:#495057}}.lane{{font-size:11px;text-anchor:end}}.node{{font-size:10px;fill:#fff;pointer-events:none}}.busy,.tick{{font-size:10px;fill:#495057}}.tick{{text-anchor:middle}}.legend{{font-size:11px}}</style>
<defs><pattern id="failed" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><line x1="0" y1="0" x2="0" y2="5" stroke="#212529" stroke-width="2.2" stroke-opacity="0.55"/></pattern></defs>
<rect width="100%" height="100%" fill="#fff"/>
<text x="{LEFT}" y="20" class="h">{title}</text>
<text x="{right}" y="20" class="s" text-anchor="end">{told}</text>
{axis}{body}{legend}</svg>
"##,
        title = escaped(title),
        told = escaped(&told),
        right = LEFT + WIDTH,
    )
}

fn words(went: Went) -> &'static str {
    match went {
        Went::Ordered => "ordered, not begun",
        Went::Withdrawn => "taken back before it began",
        Went::Running => "running",
        Went::Succeeded => "succeeded",
        Went::CutShort => "cut short by its time limit",
        Went::Failed => "failed",
    }
}

/// A round distance between ticks: about eight of them.
fn tick(whole: Span) -> u64 {
    const ROUND: [u64; 22] = [
        1,
        10,
        50,
        100,
        500,
        1_000,
        2_000,
        5_000,
        10_000,
        30_000,
        60_000,
        120_000,
        300_000,
        600_000,
        1_800_000,
        3_600_000,
        7_200_000,
        21_600_000,
        43_200_000,
        86_400_000,
        172_800_000,
        604_800_000,
    ];
    let wanted = whole.millis() / 9;
    ROUND.into_iter().find(|tick| *tick >= wanted).unwrap_or(wanted.max(1))
}

/// A text that fits, cut in front where it is too long: the end of an id tells more.
fn text(text: &str, room: usize) -> String {
    let count = text.chars().count();
    if count <= room {
        return escaped(text);
    }
    let tail: String = text.chars().skip(count - room.saturating_sub(1)).collect();
    escaped(&format!("…{tail}"))
}

fn escaped(text: &str) -> String {
    let harmless = text.chars().filter(|c| !c.is_control());
    let mut out = String::with_capacity(text.len());
    for c in harmless {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}
