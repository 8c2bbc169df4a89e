//! Enums with fields whose variant is picked by an element's name.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{DataEnum, DeriveInput, Error, Fields, Result};

use crate::attrs::{Container, VariantMarks};
use crate::describe::doc;
use crate::fields::document;

pub(crate) fn expand(container: &Container, input: &DeriveInput, data: &DataEnum) -> Result<TokenStream> {
    let ident = &input.ident;
    refuse_other_marks(container, input)?;
    let (mut names, mut patterns, mut read, mut write, mut describe) =
        (vec![], vec![], vec![], vec![], vec![]);
    for variant in &data.variants {
        let name = VariantMarks::parse(variant)?.name;
        let v = &variant.ident;
        let doc = doc(&variant.attrs);
        let about =
            |kind| quote!(const { &::virt_conf::xml::About::value(::virt_conf::xml::Kind::#kind, #doc) });
        match &variant.fields {
            Fields::Unit => {
                patterns.push(quote!(Self::#v));
                read.push(quote!(#name => Self::#v));
                write.push(quote!(Self::#v => w.flag(#name)));
                let about = about(quote!(Flag));
                describe.push(quote!(s.known_child(#name, #about, |_| ());));
            }
            Fields::Unnamed(fields) if fields.unnamed.len() == 1 => {
                let ty = &fields.unnamed[0].ty;
                patterns.push(quote!(Self::#v(_)));
                read.push(quote!(#name => Self::#v(r.chosen::<#ty>()?)));
                write.push(quote!(Self::#v(inner) => w.chosen(#name, inner)));
                let about = about(quote!(Text));
                describe.push(quote!(s.known_child(#name, #about, |s| {
                    <#ty as ::virt_conf::xml::Fields>::describe(::core::option::Option::None, s)
                });));
            }
            _ => return Err(Error::new_spanned(variant, "a variant holds nothing, or one struct")),
        }
        names.push(name);
    }
    let errors = container.errors.as_ref().map(|domain| {
        quote!(const ERRORS: ::virt_conf::xml::ErrorDomain = ::virt_conf::xml::ErrorDomain::#domain;)
    });
    let document = document(container, ident)?;
    Ok(quote! {
        #document
        impl #ident {
            /// The name of the variant's element.
            #[must_use]
            pub const fn element_name(&self) -> &'static str {
                match self { #(#patterns => #names,)* }
            }
        }
        #[automatically_derived]
        impl ::virt_conf::xml::Choice for #ident {
            #errors
            const NAMES: &'static [&'static str] = &[#(#names),*];
            fn read(r: &::virt_conf::xml::Reader<'_, '_>) -> ::virt_conf::xml::Result<::core::option::Option<Self>> {
                ::core::result::Result::Ok(::core::option::Option::Some(match r.name() {
                    #(#read,)*
                    _ => return ::core::result::Result::Ok(::core::option::Option::None),
                }))
            }
            fn write(&self, w: &mut ::virt_conf::xml::Writer) {
                match self { #(#write,)* }
            }
            fn describe(s: &mut ::virt_conf::xml::Shape) { #(#describe)* }
        }
    })
}

fn refuse_other_marks(container: &Container, input: &DeriveInput) -> Result<()> {
    let hooks = container.before_read.is_some() || container.after_read.is_some();
    if hooks || container.name.is_some() || container.tag.is_some() || container.inside.is_some() {
        let text = "a choice of elements takes choice, document and errors; other marks belong to the variants' structs";
        return Err(Error::new_spanned(&input.ident, text));
    }
    Ok(())
}
