// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package sshconfig

import "strings"

// handling is what becomes of an option.
type handling int

const (
	dropped  handling = iota // it would change something, and does not: it is told
	honoured                 // by us, or by ssh while it reads
	idle                     // it changes nothing of a connection without a terminal, or nothing that we do
)

// handlings are all options of ssh_config(5) up to OpenSSH 10.5, and what older
// versions knew.
var handlings = func() map[string]handling {
	table := map[string]handling{}
	for h, names := range map[handling]string{
		honoured: `host match include tag ignoreunknown
			hostname user port addressfamily bindaddress connecttimeout serveraliveinterval serveralivecountmax
			identityfile identitiesonly identityagent certificatefile
			proxyjump proxycommand proxyusefdpass
			userknownhostsfile globalknownhostsfile hostkeyalias stricthostkeychecking revokedhostkeys knownhostscommand hashknownhosts
			ciphers macs kexalgorithms hostkeyalgorithms pubkeyacceptedalgorithms casignaturealgorithms
			canonicaldomains canonicalizehostname canonicalizemaxdots canonicalizefallbacklocal canonicalizepermittedcnames`,
		idle: `batchmode clearallforwardings connectionattempts enableescapecommandline escapechar exitonforwardfailure fingerprinthash
			forkafterauthentication gatewayports loglevel logverbose syslogfacility numberofpasswordprompts obscurekeystroketiming
			permitlocalcommand requesttty sessiontype stdinnull streamlocalbindmask streamlocalbindunlink tcpkeepalive updatehostkeys
			visualhostkey warnweakcrypto xauthlocation
			protocol cipher fallbacktorsh globalknownhostsfile2 rhostsauthentication userknownhostsfile2 useroaming usersh useprivilegedport
			afstokenpassing kerberosauthentication kerberostgtpassing rsaauthentication rhostsrsaauthentication compressionlevel
			usekeychain`,
		dropped: `addkeystoagent bindinterface channeltimeout checkhostip compression controlmaster controlpath controlpersist dynamicforward
			enablesshkeysign forwardagent forwardx11 forwardx11timeout forwardx11trusted gssapiauthentication gssapidelegatecredentials
			hostbasedacceptedalgorithms hostbasedauthentication ipqos kbdinteractiveauthentication kbdinteractivedevices localcommand
			localforward nohostauthenticationforlocalhost passwordauthentication permitremoteopen pkcs11provider preferredauthentications
			pubkeyauthentication refuseconnection rekeylimit remotecommand remoteforward requiredrsasize securitykeyprovider sendenv setenv
			tunnel tunneldevice verifyhostkeydns versionaddendum`,
	} {
		for name := range strings.FieldsSeq(names) {
			table[name] = h
		}
	}
	for name, now := range aliases {
		table[name] = table[now]
	}
	return table
}()

// aliases are former names (readconf.c, keywords).
var aliases = map[string]string{
	"identityfile2": "identityfile", "keepalive": "tcpkeepalive", "smartcarddevice": "pkcs11provider",
	"hostbasedkeytypes": "hostbasedacceptedalgorithms", "pubkeyacceptedkeytypes": "pubkeyacceptedalgorithms",
	"challengeresponseauthentication": "kbdinteractiveauthentication", "skeyauthentication": "kbdinteractiveauthentication",
	"tisauthentication": "kbdinteractiveauthentication", "dsaauthentication": "pubkeyauthentication",
}

// canonical is today's name of an option.
func canonical(keyword string) string {
	if now, ok := aliases[keyword]; ok {
		return now
	}
	return keyword
}
