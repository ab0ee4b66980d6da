# TG_TRY_CFLAG(VARIABLE, FLAG): append FLAG to VARIABLE when the compiler takes it without a warning.
AC_DEFUN([TG_TRY_CFLAG], [
	AS_VAR_PUSHDEF([cache], [tg_cv_cflag_$2])
	AC_CACHE_CHECK([whether $CC takes $2], [cache], [
		tg_save_cflags=$CFLAGS
		CFLAGS="$CFLAGS -Werror $2"
		AC_COMPILE_IFELSE([AC_LANG_SOURCE([[int tg_unused; int main(void) { return tg_unused; }]])],
			[AS_VAR_SET([cache], [yes])], [AS_VAR_SET([cache], [no])])
		CFLAGS=$tg_save_cflags
	])
	AS_VAR_IF([cache], [yes], [$1="$$1 $2"])
	AS_VAR_POPDEF([cache])
])

# TG_TRY_LDFLAG(VARIABLE, FLAG): append FLAG to VARIABLE when the linker takes it.
AC_DEFUN([TG_TRY_LDFLAG], [
	AS_VAR_PUSHDEF([cache], [tg_cv_ldflag_$2])
	AC_CACHE_CHECK([whether the linker takes $2], [cache], [
		tg_save_ldflags=$LDFLAGS
		LDFLAGS="$LDFLAGS -Werror $2"
		AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])],
			[AS_VAR_SET([cache], [yes])], [AS_VAR_SET([cache], [no])])
		LDFLAGS=$tg_save_ldflags
	])
	AS_VAR_IF([cache], [yes], [$1="$$1 $2"])
	AS_VAR_POPDEF([cache])
])

# TG_ENABLE(NAME, HELP): a --enable-NAME switch, off by default, as $enable_NAME = yes|no.
AC_DEFUN([TG_ENABLE], [
	AC_ARG_ENABLE([$1], [AS_HELP_STRING([--enable-$1], [$2])], [],
		[AS_VAR_SET([enable_$1], [no])])
])
