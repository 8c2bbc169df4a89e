//! What `describe` tells of a field beyond its name: documentation, kind of value, default, order.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Attribute, Expr, ExprLit, Lit, Meta};

use crate::attrs::{Field, View, inner};

/// The documentation comment, without the blank that follows the slashes.
pub(crate) fn doc(attrs: &[Attribute]) -> String {
    let lines = attrs.iter().filter_map(|attr| match &attr.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value().trim().to_owned()),
            _ => None,
        },
        _ => None,
    });
    // Examples are for programmers; what explains an element ends before them.
    lines.take_while(|line| !line.starts_with("```")).collect::<Vec<_>>().join("\n").trim().to_owned()
}

/// A constant `About` of `field`, whose values are of this `kind`; `default` is the expression of its codec and type.
pub(crate) fn about(
    field: &syn::Field,
    marks: &Field,
    kind: TokenStream,
    codec: Option<&TokenStream>,
) -> TokenStream {
    let (doc, ty) = (doc(&field.attrs), &field.ty);
    let wrapped = inner(ty, "Option").is_some() || inner(ty, "Vec").is_some();
    let required = !wrapped && !marks.default && codec.is_some();
    let default = match codec.filter(|_| marks.default && !wrapped) {
        Some(codec) => quote!(::core::option::Option::Some(|out| {
            <#codec as ::virt_conf::xml::Codec<#ty>>::format(&::core::default::Default::default(), out);
        })),
        None => quote!(::core::option::Option::None),
    };
    let view = match marks.view {
        None => quote!(Always),
        Some(View::Live) => quote!(Live),
        Some(View::Status) => quote!(Status),
        Some(View::Secure) => quote!(Secure),
    };
    let list = match (&marks.key, inner(ty, "Vec")) {
        (Some(key), _) if marks.unordered => quote!(Unordered(#key)),
        (Some(key), _) => quote!(Keyed(#key)),
        (None, Some(_)) => quote!(Ordered),
        (None, None) => quote!(No),
    };
    quote!(const { &::virt_conf::xml::About {
        doc: #doc,
        kind: #kind,
        required: #required,
        default: #default,
        view: ::virt_conf::xml::View::#view,
        list: ::virt_conf::xml::List::#list,
    } })
}

/// `fn(&mut Shape)` of the elements on the way to what `innermost` adds.
pub(crate) fn nested(path: &[String], about: &TokenStream, innermost: TokenStream) -> TokenStream {
    path.iter().rev().fold(innermost, |inside, step| quote!(s.known_child(#step, #about, |s| { #inside });))
}
