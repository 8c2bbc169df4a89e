#compdef virtsh
# Completion of virtsh for zsh: eval "$(virtsh completion zsh)", or a file _virtsh in $fpath.

_virtsh() {
    local -a rest globals found
    rest=("${(@Q)words[2,CURRENT]}")
    while (( $#rest > 1 )); do
        case $rest[1] in
        -c|--connect) globals+=(-c "$rest[2]"); shift 2 rest ;;
        --connect=*) globals+=("$rest[1]"); shift rest ;;
        -d|-e|-k|-K|-l|--debug|--escape|--log|--format|--timeout) shift 2 rest ;;
        -*) shift rest ;;
        *) break ;;
        esac
    done
    if (( $#rest == 1 )) && [[ $rest[1] == -* ]]; then
        compadd -- -c --connect -r --readonly -q --quiet -t --timing --format --timeout --exit-codes -l --log \
            -d --debug -e --escape -h --help -v -V --version
        return
    fi
    found=("${(@f)$("${(Q)words[1]}" -q $globals complete --eager -- "${(@)rest}" 2>/dev/null)}")
    found=(${found:#})
    if (( $#found )); then
        compadd -a found
    else
        _files
    fi
}
(( $+functions[compdef] )) && compdef _virtsh virtsh
[[ $zsh_eval_context[-1] == loadautofunc ]] && _virtsh "$@"
