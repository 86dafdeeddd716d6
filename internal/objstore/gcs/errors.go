package gcs

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"golang.org/x/oauth2"

	"github.com/aquifer-stream/aquifer/internal/objstore/remote"
)

var (
	noAccess = remote.Advise("access denied", "give these credentials the role Storage Object User "+
		"(roles/storage.objectUser) on the bucket")
	badCredentials = remote.Advise("the credentials are not valid", "run gcloud auth application-default login, or let "+
		credentialsFile+" name the file with the key of a service account")
	noBucket = remote.Advise("there is no such bucket", "create it or correct its name")
	noMoney  = remote.Advise("the bucket's project cannot be used", "look at its billing account")
)

// advices is what repeating cannot help, by Google's reason.
var advices = map[string]*remote.Advice{
	"forbidden": noAccess, "insufficientPermissions": noAccess, "Forbidden": noAccess,
	"authError": badCredentials, "required": badCredentials, "Unauthorized": badCredentials,
	"invalid_grant": badCredentials, "invalid_client": badCredentials, "unauthorized_client": badCredentials,
	"accountDisabled": noMoney, "UserProjectAccountProblem": noMoney, bucketNotFound: noBucket,
}

// bucketNotFound is what this package calls the error that there is no bucket, of which Google just says "notFound".
const bucketNotFound = "bucketNotFound"

// ofBucket is the error of a request that needs no object but the bucket alone.
func ofBucket(err error) error {
	if r, ok := errors.AsType[*remote.Refused](err); ok && r.Status == http.StatusNotFound {
		r.Code = bucketNotFound
	}
	return err
}

// answer is how Google tells an error.
type answer struct {
	Error struct {
		Message string
		Errors  []struct{ Reason string }
	}
}

// refusal makes an error of an answer. Those about the bytes of objects are plain text.
func refusal(a *http.Response, body []byte) *remote.Refused {
	r := &remote.Refused{
		Status: a.StatusCode, Code: strings.ReplaceAll(http.StatusText(a.StatusCode), " ", ""), Message: string(body),
	}
	var told answer
	if json.Unmarshal(body, &told) != nil {
		return r
	}
	r.Message = told.Error.Message
	if len(told.Error.Errors) > 0 && told.Error.Errors[0].Reason != "" {
		r.Code = told.Error.Errors[0].Reason
	}
	return r
}

// Judge implements remote.Protocol.
func (p *protocol) Judge(err error) remote.Verdict {
	if token, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		return judgeToken(token)
	}
	refused, ok := errors.AsType[*remote.Refused](err)
	if !ok {
		return remote.Judge(err, 0)
	}
	v := remote.Judge(err, refused.Status)
	v.Code, v.Message = refused.Code, refused.Message
	v.Advice = advices[v.Code]
	if v.Missing && strings.Contains(v.Message, "bucket does not exist") {
		v.Advice = noBucket
	}
	if strings.HasSuffix(v.Code, "ateLimitExceeded") { // of whatever status
		v.Momentary, v.Busy = true, true
	}
	v.Missing = v.Missing || v.Status == http.StatusGone // an upload that was dropped
	v.Momentary = v.Momentary || v.Status == http.StatusConflict
	return v
}

// judgeToken is about the server that gives tokens. Its answers may repeat secrets: only what they are called is told.
func judgeToken(err *oauth2.RetrieveError) remote.Verdict {
	v := remote.Verdict{Nothing: true, Momentary: true, Code: err.ErrorCode, Message: "the server that gives tokens refuses"}
	if err.Response != nil {
		v.Status = err.Response.StatusCode
		v.Momentary = v.Status == http.StatusTooManyRequests || v.Status >= 500
	}
	if v.Code == "" {
		v.Code = "token"
	}
	if !v.Momentary {
		v.Advice = badCredentials
	}
	return v
}
