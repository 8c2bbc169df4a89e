//! The layout of everything that crosses the door, as text that is committed: a change of it is seen where it is made.
//!
//! Until the first release it may change freely; from then on lines are only added, methods at the end of their trait.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;

use expect_test::expect_file;
use plugins_abi::private::DriverModuleRef;
use plugins_abi::private::abi_stable::StableAbi;
use plugins_abi::private::abi_stable::type_layout::{TLDataDiscriminant, TLField, TLFunction, TypeLayout};
use plugins_abi::{Slots, driver, event_source, host_services, object_event_source, stream};

/// Every type that is reached from a module's layout, by its name, with its shape.
#[derive(Default)]
struct Types {
    shapes: BTreeMap<String, String>,
    seen: HashSet<String>,
}

impl Types {
    fn add(&mut self, layout: &'static TypeLayout) {
        if !self.seen.insert(format!("{:?}", layout.get_utypeid())) {
            return;
        }
        let fields = || layout.get_fields().into_iter().flatten();
        // What every object has that crosses is the same for each; its methods are in its table.
        let dull = ["Abi_Interface", "Abi_TO"].contains(&layout.name());
        if is_ours(layout) && !dull {
            let kind = format!("{:?}", layout.data_discriminant()).to_lowercase();
            let mut shape = format!("{kind}, {} bytes, aligned to {}\n", layout.size(), layout.alignment());
            for field in fields().filter(|field| !field.name().starts_with("_sabi")) {
                let _ = writeln!(shape, "    {}", show(&field));
            }
            self.shapes.insert(name(layout, 0), shape);
        } else if !is_ours(layout) {
            let shape = format!("{} bytes, aligned to {}\n", layout.size(), layout.alignment());
            self.shapes.insert(format!("~ {}", name(layout, 0)), shape);
        }
        for field in fields().chain(layout.phantom_fields()) {
            self.add(field.layout());
            for function in field.function_range() {
                function.param_type_layouts.iter().for_each(|parameter| self.add(parameter()));
                self.add(answer(&function));
            }
        }
    }
}

fn is_ours(layout: &TypeLayout) -> bool {
    layout.package().as_str() == "plugins-abi"
}

fn answer(function: &TLFunction) -> &'static TypeLayout {
    function.return_type_layout().map_or(<() as StableAbi>::LAYOUT, |layout| layout())
}

/// A field, or a method with its parameters.
fn show(field: &TLField) -> String {
    let mut functions = field.function_range().iter();
    let (Some(function), None) = (functions.next(), functions.next()) else {
        return format!("{}: {}", field.name(), name(field.layout(), 0));
    };
    let parameters: Vec<_> = function.param_type_layouts.iter().map(|it| name(it(), 0)).collect();
    format!("{}({}) -> {}", field.name(), parameters.join(", "), name(answer(&function), 0))
}

/// What a type is called, with the types inside it.
fn name(layout: &'static TypeLayout, depth: u32) -> String {
    let text = layout.full_type().to_string();
    if is_ours(layout) {
        let path = layout.item_info().mod_path.to_string();
        let path = path.trim_start_matches("plugins_abi::").replace("::Abi_trait", "");
        return format!("{path}::{}", layout.name());
    }
    let inside = match layout.data_discriminant() {
        _ if depth > 4 => Vec::new(),
        TLDataDiscriminant::Enum => children(layout, depth),
        _ if layout.name() == "PhantomData" => children(layout, depth),
        TLDataDiscriminant::Primitive => return pointer(layout, &text, depth),
        _ => {
            let fields = layout.get_fields().into_iter().flatten().chain(layout.phantom_fields());
            let markers = fields.filter(|field| field.layout().name() == "PhantomData");
            markers.flat_map(|field| children(field.layout(), depth)).collect()
        }
    };
    let base = text.split('<').next().unwrap_or_default().trim();
    if inside.is_empty() { base.to_owned() } else { format!("{base}<{}>", inside.join(", ")) }
}

fn children(layout: &'static TypeLayout, depth: u32) -> Vec<String> {
    let fields = layout.get_fields().into_iter().flatten().chain(layout.phantom_fields());
    fields.map(|field| name(field.layout(), depth + 1)).collect()
}

/// `u64` as it is; of a pointer, what it leads to.
fn pointer(layout: &'static TypeLayout, text: &str, depth: u32) -> String {
    let start = text.trim_start_matches("&'a ").trim();
    match (text.starts_with(['&', '*']), children(layout, depth).as_slice()) {
        (true, [target]) if text.starts_with('&') => {
            format!("&{}{target}", if start.starts_with("mut ") { "mut " } else { "" })
        }
        (true, [target]) => format!("*{} {target}", if text.contains("mut") { "mut" } else { "const" }),
        _ => text.trim().to_owned(),
    }
}

#[test]
fn the_layout_is_the_one_that_was_agreed_upon() {
    let mut types = Types::default();
    types.add(<DriverModuleRef as StableAbi>::LAYOUT);
    let mut out =
        format!("ABI {}\n\n# Methods, in the order of their slots\n", plugins_abi::manifest::ABI_VERSION);
    let beside = [
        driver::METHODS,
        host_services::METHODS,
        event_source::METHODS,
        object_event_source::METHODS,
        stream::METHODS,
    ]
    .concat();
    for method in beside.into_iter().chain(Slots::methods().copied()) {
        let plugins_abi::Method { interface, name, access, c_name, since, .. } = method;
        let _ = writeln!(
            out,
            "{interface}.{name} {} since {since} {c_name}",
            format!("{access:?}").to_lowercase()
        );
    }
    out.push_str("\n# Types\n");
    for (name, shape) in &types.shapes {
        let _ = write!(out, "{name}: {shape}");
    }
    expect_file!["../snapshots/abi.txt"].assert_eq(&out);
}
