package s3

import (
	"errors"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/aquifer-stream/aquifer/internal/objstore/remote"
)

var (
	noAccess = remote.Advise("access denied", "give these credentials the right to read, write, list and delete here, "+
		"and to list and abort multipart uploads; a store that can only be read holds no state")
	badCredentials = remote.Advise("the credentials are not valid", "check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and "+
		"AWS_SESSION_TOKEN, or the profile")
	expired     = remote.Advise("the credentials have expired", "get new ones")
	noBucket    = remote.Advise("there is no such bucket", "create it or correct its name")
	wrongClock  = remote.Advise("the clock of this machine is wrong", "set it")
	wrongRegion = remote.Advise("the bucket is elsewhere", "correct region or endpoint")
	notThere    = remote.Advise("the server cannot do this", "use a store with conditional writes and multipart uploads")
)

// advices is what repeating cannot help, by the code of the error; bare statuses are for answers without a body.
var advices = map[string]*remote.Advice{
	"AccessDenied": noAccess, "AllAccessDisabled": noAccess, "Forbidden": noAccess, "AccountProblem": noAccess,
	"MethodNotAllowed":   noAccess,
	"InvalidAccessKeyId": badCredentials, "SignatureDoesNotMatch": badCredentials, "InvalidToken": badCredentials,
	"Unauthorized": badCredentials, "XAdminUserNotFound": badCredentials, // the latter is versitygw's
	"InvalidSecurity": badCredentials, "NotSignedUp": badCredentials,
	"ExpiredToken": expired, "TokenRefreshRequired": expired,
	"NoSuchBucket": noBucket, "InvalidBucketName": noBucket,
	"RequestTimeTooSkewed": wrongClock, "RequestExpired": wrongClock,
	"PermanentRedirect": wrongRegion, "AuthorizationHeaderMalformed": wrongRegion, "MovedPermanently": wrongRegion,
	"IllegalLocationConstraintException": wrongRegion, "TemporaryRedirect": wrongRegion,
	"NotImplemented": notThere,
}

// Judge implements remote.Protocol.
func (p *protocol) Judge(err error) remote.Verdict {
	v := remote.Judge(err, status(err))
	v.Code, v.Message = code(err), message(err)
	v.Advice = advices[v.Code]
	// Answers to HeadObject have no body, and so no better code.
	v.Missing = v.Code == "NoSuchKey" || v.Code == "NotFound" || v.Code == "NoSuchUpload"
	v.Nothing = v.Nothing || v.Status == http.StatusServiceUnavailable && v.Code == "SlowDown"
	v.Momentary = errors.Is(err, remote.ErrStalled) || errors.Is(err, io.ErrUnexpectedEOF) || // also in answers
		v.Code == "ConditionalRequestConflict" || v.Code == "OperationAborted" ||
		momentary.IsErrorRetryable(err) == aws.TrueTernary
	return v
}

// momentary is what the library thinks worth repeating. It contains answers from which it has learned that the clock
// of this machine is wrong.
var momentary = retry.IsErrorRetryables(retry.DefaultRetryables)

// code returns what the server calls the error, or an empty string if the server did not answer.
func code(err error) string {
	if answer, ok := errors.AsType[smithy.APIError](err); ok {
		return answer.ErrorCode()
	}
	return ""
}

func message(err error) string {
	if answer, ok := errors.AsType[smithy.APIError](err); ok {
		return answer.ErrorMessage()
	}
	return ""
}

// status returns the status of the answer that became an error, or 0 if there was none.
func status(err error) int {
	if answer, ok := errors.AsType[*smithyhttp.ResponseError](err); ok && answer.Response != nil {
		return answer.HTTPStatusCode()
	}
	return 0
}
