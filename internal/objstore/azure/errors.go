package azure

import (
	"encoding/xml"
	"errors"
	"net/http"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/aquifer-stream/aquifer/internal/objstore/remote"
)

var (
	noAccess = remote.Advise("access denied", "give these credentials the role Storage Blob Data Contributor on the "+
		"container, and let the account's firewall pass this machine")
	badCredentials = remote.Advise("the credentials are not valid", "check the clock of this machine, and "+
		connectionVariable+", "+keyVariable+" or "+sasVariable)
	noToken     = remote.Advise("no credentials", howTo)
	noContainer = remote.Advise("there is no such container", "create it or correct its name")
	noAccount   = remote.Advise("the account cannot be used", "look at its state in Azure's portal")
	notFlat     = remote.Advise("the account has a hierarchical namespace", "use one without")
)

// hierarchical is what this package calls the list of an account with a hierarchical namespace.
const hierarchical = "DirectoryInList"

// advices is what repeating cannot help, by Azure's code.
var advices = map[string]*remote.Advice{
	"AuthorizationFailure": noAccess, "AuthorizationPermissionMismatch": noAccess,
	"InsufficientAccountPermissions": noAccess, "AuthorizationSourceIPMismatch": noAccess,
	"AuthorizationProtocolMismatch": noAccess, "AuthorizationResourceTypeMismatch": noAccess,
	"AuthorizationServiceMismatch": noAccess, "PublicAccessNotPermitted": noAccess, "Forbidden": noAccess,
	"KeyBasedAuthenticationNotPermitted": noAccess,
	"AuthenticationFailed":               badCredentials, "NoAuthenticationInformation": badCredentials,
	"InvalidAuthenticationInfo": badCredentials, "Unauthorized": badCredentials,
	"ContainerNotFound": noContainer, "ContainerBeingDeleted": noContainer, "ContainerDisabled": noContainer,
	"InvalidResourceName": noContainer, "AccountIsDisabled": noAccount, "AccountBeingCreated": noAccount,
	hierarchical: notFlat,
}

// refusal makes an error of an answer. Those to HEAD have no body.
func refusal(a *http.Response, body []byte) *remote.Refused {
	var told struct{ Code, Message string }
	_ = xml.Unmarshal(body, &told) // without it there is the field
	if told.Code == "" {
		told.Code = a.Header.Get("x-ms-error-code")
	}
	if told.Code == "" {
		told.Code = strings.ReplaceAll(http.StatusText(a.StatusCode), " ", "")
	}
	// After the first line stand numbers of the request.
	told.Message, _, _ = strings.Cut(told.Message, "\nRequestId:")
	return &remote.Refused{Status: a.StatusCode, Code: told.Code, Message: told.Message}
}

// Judge implements remote.Protocol.
func (p *protocol) Judge(err error) remote.Verdict {
	if token, ok := errors.AsType[*tokenError](err); ok {
		return judgeToken(token)
	}
	refused, ok := errors.AsType[*remote.Refused](err)
	if !ok {
		return remote.Judge(err, 0)
	}
	v := remote.Judge(err, refused.Status)
	v.Code, v.Message = refused.Code, refused.Message
	v.Advice = advices[v.Code]
	v.Changed = v.Code == "BlobAlreadyExists" || v.Code == "ConditionNotMet" || v.Code == "PreconditionFailed"
	v.Momentary = v.Momentary && v.Advice == nil
	return v
}

// judgeToken tells a server of tokens that is away from one that refuses.
func judgeToken(err *tokenError) remote.Verdict {
	failed, ok := errors.AsType[*azidentity.AuthenticationFailedError](err)
	if ok && (failed.RawResponse == nil || failed.RawResponse.StatusCode >= 500 ||
		failed.RawResponse.StatusCode == http.StatusTooManyRequests) {
		return remote.Verdict{Momentary: true, Nothing: true}
	}
	return remote.Verdict{Advice: noToken, Nothing: true}
}
