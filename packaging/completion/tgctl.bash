# bash completion of tgctl

_tgctl() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} words="" where="--ledger -c --config --help"

	case $prev in
	--ledger)
		mapfile -t COMPREPLY < <(compgen -d -- "$cur")
		return
		;;
	-c | --config | -o | --output)
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
		;;
	--by)
		words="hour day month org tenant tier key model provider target region service_tier tags tag:"
		mapfile -t COMPREPLY < <(compgen -W "$words" -P "${cur%"${cur##*,}"}" -- "${cur##*,}")
		return
		;;
	esac
	case $COMP_CWORD:${COMP_WORDS[1]}:${COMP_WORDS[2]} in
	1:*) words="keys prices usage ledger quota export route targets help" ;;
	2:keys:*) words="create hash" ;;
	2:prices:*) words="list show history diff import" ;;
	2:ledger:*) words="tail dump verify reconcile shipped" ;;
	2:quota:*) words="show tree explain set adjust fence verify" ;;
	2:route:*) words="explain" ;;
	2:targets:*) words="list drain enable" ;;
	2:export:*) words="jsonl csv" ;;
	2:help:*) words="keys prices usage ledger quota export route targets" ;;
	*:keys:*) words="--tenant --id --expires --json --help" ;;
	*:prices:import) words="litellm -o --output --date --corrections --report --help" ;;
	*:prices:*) words="--provider --model -c --config --json --help" ;;
	*:usage:*)
		words="--by --since --until --month --tag --org --tenant --tier --key --model --provider --target --region
			--service-tier --asked --rule --json --csv $where"
		;;
	*:export:*) words="--period --since --until --tenant -o --output --salvage $where" ;;
	*:quota:show) words="--scope --dimension --admin -c --config --json --help" ;;
	*:quota:explain | *:quota:verify) words="--json $where" ;;
	*:quota:fence) words="--assume --off --why --admin -c --config --json --help" ;;
	*:route:*) words="--model --tenant --tokens --output --route --needs --admin -c --config --json --help" ;;
	*:targets:*) words="--admin -c --config --json --help" ;;
	*:quota:*) words="--why --admin -c --config --json --help" ;;
	*:ledger:tail) words="-f --follow -n --lines --json $where" ;;
	*:ledger:dump) words="--json --segment $where" ;;
	*:ledger:verify) words="--salvage --rebuild --json $where" ;;
	*:ledger:shipped) words="-c --config --json --help" ;;
	*:ledger:reconcile)
		if [[ $prev == --provider ]]; then
			words="csv openai anthropic"
		else
			words="--provider --tolerance --target --json $where"
			[[ $cur == -* ]] || mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		fi
		;;
	esac
	if [[ ${COMP_WORDS[1]} == prices && $COMP_CWORD -gt 2 && $cur != -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur"; compgen -f -- "$cur")
	fi
	[ ${#COMPREPLY[@]} -gt 0 ] || mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}
complete -F _tgctl tgctl
