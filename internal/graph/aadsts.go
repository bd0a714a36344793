package graph

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// loginAdvice is what an administrator can do about a refusal of the login service, by its AADSTS number. {tenant},
// {app}, {authority}, {scope}, {thumbprint} and {clock} are replaced.
var loginAdvice = map[int]string{
	7000215: "AZURE_CLIENT_SECRET is wrong. The Entra admin center shows an ID beside each secret: the value is needed, which is shown only when the secret is made. Make a new one if it is lost.",
	7000222: "AZURE_CLIENT_SECRET has expired: make a new one for the app {app}.",
	7000216: "The app {app} has to prove itself: set AZURE_CLIENT_SECRET, AZURE_CLIENT_CERTIFICATE_PATH or AZURE_FEDERATED_TOKEN_FILE.",
	7000218: `The app {app} does not allow public client flows: allow them under "Authentication" for "worker login", or set AZURE_CLIENT_SECRET or AZURE_CLIENT_CERTIFICATE_PATH.`,
	7000112: `The app {app} is disabled in this tenant: enable it under "Enterprise applications".`,
	7000229: "The app {app} has no service principal in the tenant {tenant}: have an administrator of that tenant consent to it.",
	90002:   "{authority} knows no tenant {tenant}: check AZURE_TENANT_ID, and whether the tenant lives in another cloud (GRAPH_CLOUD).",
	900023:  "{tenant} is no tenant: check AZURE_TENANT_ID.",
	900382:  "The tenant {tenant} lives in another cloud than {authority}: set GRAPH_CLOUD.",
	700016:  "There is no app {app} in the tenant {tenant}: check AZURE_CLIENT_ID and AZURE_TENANT_ID, and whether an administrator of that tenant has consented to the app.",
	700024:  "The time in our assertion does not fit: {clock}",
	700027:  "The certificate with the thumbprint {thumbprint} is not registered for the app {app}, or has expired: upload it under \"Certificates & secrets\", or correct AZURE_CLIENT_CERTIFICATE_PATH.",
	70021:   "No federated credential of the app {app} fits the token in AZURE_FEDERATED_TOKEN_FILE: compare its issuer, subject and audience with the token's.",
	700211:  "No federated credential of the app {app} has the issuer of the token in AZURE_FEDERATED_TOKEN_FILE.",
	700212:  "No federated credential of the app {app} has the audience of the token in AZURE_FEDERATED_TOKEN_FILE: it is usually api://AzureADTokenExchange.",
	700213:  "No federated credential of the app {app} has the subject of the token in AZURE_FEDERATED_TOKEN_FILE.",
	70011:   "The scope {scope} is not known here: check GRAPH_CLOUD and GRAPH_BASE_URL.",
	500011:  "{authority} knows no Graph for the scope {scope}: check GRAPH_CLOUD and GRAPH_BASE_URL.",
	65001:   "Nobody has consented: an administrator grants DeviceManagementConfiguration.ReadWrite.All to the app {app}.",
	53003:   "A conditional access policy of the tenant blocks this login: its sign-in log names the policy. Log in from where it allows, or use credentials it does not apply to.",
	53000:   "A conditional access policy asks for a compliant device: the sign-in log names the policy.",
	53001:   "A conditional access policy asks for a joined device: the sign-in log names the policy.",
	50034:   "There is no such user in the tenant {tenant}: check AZURE_TENANT_ID, and who logged in.",
	50053:   "The account is locked after too many logins with a wrong password: wait, or unlock it.",
	50057:   "The user's account is disabled.",
	50076:   `The tenant asks for multi-factor authentication: run "worker login" again.`,
	50079:   `The user has to register for multi-factor authentication first. Then run "worker login" again.`,
	50173:   `The login has been revoked, such as by a new password: run "worker login" again.`,
	50105:   "The app {app} is for assigned users only, and this one is not assigned.",
	50194:   "The app {app} is registered for one tenant only: check AZURE_TENANT_ID.",
	70000:   `The login is no longer good: run "worker login" again.`,
	700082:  `The login was not used for too long and is no longer good: run "worker login" again.`,
	70043:   `The login is no longer good, as the tenant's policy on its frequency has it: run "worker login" again.`,
	70016:   "Nobody has entered the code yet.",
	70020:   `The code has expired before anybody entered it: run "worker login" again.`,
	50126:   "Wrong user name or password.",
}

// advice is what can be done, empty when nothing is known to help.
func (f loginFacts) advice(answer oauthError, date string, now time.Time) string {
	text, known := loginAdvice[answer.number()]
	if !known && f.kind == DeviceCode && (answer.Code == "invalid_grant" || answer.Code == "interaction_required") {
		text = `The login is no longer good: run "worker login" again.`
	}
	return strings.NewReplacer(
		"{tenant}", f.tenant, "{app}", f.app, "{authority}", f.authority, "{scope}", f.scope, "{thumbprint}", f.thumbprint,
		"{clock}", clockAdvice(date, now),
	).Replace(text)
}

// clockAdvice compares this machine's clock with the login service's, as far as the Date header says it.
func clockAdvice(date string, now time.Time) string {
	const put = "set this machine's clock right"
	theirs, err := http.ParseTime(date)
	if err != nil {
		return put + "."
	}
	switch off := now.Sub(theirs).Round(time.Second); {
	case off >= time.Minute:
		return fmt.Sprintf("this machine's clock is %s ahead of the login service's: %s.", off, put)
	case off <= -time.Minute:
		return fmt.Sprintf("this machine's clock is %s behind the login service's: %s.", -off, put)
	}
	return "this machine's clock agrees with the login service's, so a federated token may have ended: look at what writes AZURE_FEDERATED_TOKEN_FILE."
}
